"""Run a Pulumi program against an engine that only records, and show what the program declared.

    deployment = deploy(lambda: FlowLogs("flow-logs", args))
    bucket = deployment.only("aws:s3/bucket:Bucket")
    assert bucket.retain_on_delete

`deploy` returns after every registration, output and ``apply`` of the program has finished. So a test uses plain
asserts on plain values, without ``pulumi.runtime.test`` and without assertions inside an ``apply``. It raises what the
program raises, even an assertion inside an ``apply``. Each call has its own event loop and Pulumi settings, and leaves
nothing behind for the next test.

Every deployment must keep three promises: URNs are unique, every component calls ``register_outputs``, and it calls it
only once.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from unittest.mock import patch

import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import mocks, rpc, settings, stack
from pulumi.runtime.proto import resource_pb2, source_pb2

ACCOUNT: Final = "111122223333"
REGION: Final = "ap-northeast-2"
STACK_TYPE: Final = "pulumi:pulumi:Stack"


@dataclass(frozen=True, slots=True)
class Registered:
    """One resource, as the program registers it.

    Attributes:
        urn: The unique name that the engine would give it.
        type: The type token: ``aws:s3/bucket:Bucket``.
        name: The logical name.
        custom: False for a component.
        inputs: The program's inputs, with the provider's camelCase names.
        parent: The URN of the parent; the stack's for a resource without one.
        provider: ``urn::id`` of an explicit provider, empty for the default one.
        depends_on: The URNs that it waits for directly, through ``depends_on`` or through an input.
        protect: Whether the engine refuses to delete it.
        retain_on_delete: Whether deleting it only forgets it.
        delete_before_replace: Whether a replacement deletes first.
        aliases: Names under which earlier versions of the program knew it.
        ignore_changes: Inputs whose changes the engine overlooks.
        import_id: The id of an existing resource to adopt if the state does not know it; empty for none.
    """

    urn: str
    type: str
    name: str
    custom: bool
    inputs: Mapping[str, Any] = field(hash=False)
    parent: str
    provider: str
    depends_on: frozenset[str]
    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool
    aliases: tuple[str, ...]
    ignore_changes: tuple[str, ...]
    import_id: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """The declarations of one run of a program.

    Attributes:
        resources: In the order of their URNs: the engine's own order is not the program's.
        registered_outputs: The outputs that each component and the stack registered, by URN.
        result: The program's return value, with outputs resolved.
    """

    resources: tuple[Registered, ...]
    registered_outputs: Mapping[str, Mapping[str, Any]]
    result: object

    def all(self, type_token: str) -> tuple[Registered, ...]:
        """Return the resources of one type."""
        return tuple(resource for resource in self.resources if resource.type == type_token)

    def only(self, type_token: str, name: str | None = None) -> Registered:
        """Return the one resource of a type, or of a type and logical name.

        Raises:
            AssertionError: None or several match.
        """
        found = [resource for resource in self.all(type_token) if name in (None, resource.name)]
        known = sorted(f"{resource.type} {resource.name}" for resource in self.resources)
        assert len(found) == 1, f"{len(found)} resources are {type_token} {name or ''}, of {known}"
        return found[0]

    def children(self, parent: Registered) -> tuple[Registered, ...]:
        """Return the resources directly under one resource."""
        return tuple(resource for resource in self.resources if resource.parent == parent.urn)

    def below(self, ancestor: Registered) -> tuple[Registered, ...]:
        """Return the resources under one resource, at any depth."""
        found = self.children(ancestor)
        return found + tuple(deeper for child in found for deeper in self.below(child))

    def outputs(self, component: Registered) -> Mapping[str, Any]:
        """Return the outputs that a component registered."""
        return self.registered_outputs[component.urn]

    @property
    def exports(self) -> Mapping[str, Any]:
        """The exports of the stack."""
        return next(values for urn, values in self.registered_outputs.items() if _is_stack(urn))

    def waits_for(self, later: Registered, earlier: Registered) -> bool:
        """Return whether one resource is created only after another, directly or through others.

        The engine deletes in the opposite order.
        """
        dependencies = {resource.urn: resource.depends_on for resource in self.resources}
        reached: set[str] = set()
        ahead = set(later.depends_on)
        while ahead:
            urn = ahead.pop()
            if urn not in reached:
                reached.add(urn)
                ahead |= dependencies.get(urn, frozenset())
        return earlier.urn in reached


def deploy(
    program: Callable[[], object],
    *,
    computed: Mapping[str, Mapping[str, Any]] | None = None,
    calls: Mapping[str, Mapping[str, Any]] | None = None,
    config: Mapping[str, str] | None = None,
    stack_name: str = "stack",
) -> Deployment:
    """Run a program to its end and return what it declared.

    Args:
        program: The program. What it returns (a resource's output, a dictionary of outputs) is resolved into `result`.
        computed: Attributes that the provider would compute, by type token. Every custom resource also gets `id` and
            `arn`. They override inputs with the same name.
        calls: The answers of provider functions, by function token (``aws:index/getPartition:getPartition``).
        config: The stack's configuration; keys include their namespace.
        stack_name: The name of the stack.

    Raises:
        AssertionError: The program breaks one of the promises above, or calls a function that has no answer.
        Exception: What the program raised.
    """
    monitor = _RecordingMonitor(computed or {}, calls or {})

    async def run() -> object:
        settings.configure(
            settings.Settings(project="project", stack=stack_name, monitor=monitor, engine=mocks.MockEngine(None))
        )
        settings.ROOT.set(None)
        pulumi.runtime.set_all_config(dict(config or {}))
        results: list[object] = []

        async def body() -> None:
            results.append(await pulumi.Output.from_input(program()).future())
            # At its end, the SDK waits for one output after another, each time with all that are left.
            if pending := list(settings.SETTINGS.outputs):
                await asyncio.wait(pending)

        try:
            await stack.run_in_stack(body)
        finally:
            pulumi.runtime.set_all_config({})
        return results[0]

    unheard: list[BaseException] = []
    # The SDK tells the engine where in the program each resource is declared. Nothing here looks at that, and a test
    # has a deep stack: it would take a sixth of the time.
    unsaid = patch("pulumi.runtime.resource._get_stack_trace", source_pb2.StackTrace)
    with unsaid, asyncio.Runner() as runner:
        # After a failure the SDK drops other failed tasks; collect them here, or each would print a message.
        runner.get_loop().set_exception_handler(
            lambda _, context: unheard.append(context.get("exception") or RuntimeError(context["message"]))
        )
        result = runner.run(run())
    if unheard:
        raise unheard[0]
    return monitor.deployment(result)


class _RecordingMonitor(mocks.MockMonitor):
    """The engine's side of the protocol. The SDK calls it from several threads."""

    def __init__(self, computed: Mapping[str, Mapping[str, Any]], calls: Mapping[str, Mapping[str, Any]]) -> None:
        # The base class needs an object that invents states; here this class does that.
        super().__init__(mocks=None)  # type: ignore[arg-type]
        self._computed = computed
        self._calls = calls
        self._lock = threading.Lock()
        self._registered: dict[str, Registered] = {}
        self._outputs: dict[str, Mapping[str, Any]] = {}

    def deployment(self, result: object) -> Deployment:
        components = {urn for urn, resource in self._registered.items() if not resource.custom}
        silent = sorted(components - self._outputs.keys())
        assert not silent, f"components without register_outputs: {silent}"
        resources = tuple(self._registered[urn] for urn in sorted(self._registered))
        return Deployment(resources, self._outputs, result)

    def RegisterResource(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs: dict[str, Any] = dict(rpc.deserialize_properties(request.object))
        registered = Registered(
            urn=urn,
            type=request.type,
            name=request.name,
            custom=request.custom,
            inputs=inputs,
            parent=request.parent,
            provider=request.provider,
            depends_on=frozenset(request.dependencies),
            protect=request.protect,
            retain_on_delete=request.retainOnDelete,
            delete_before_replace=request.deleteBeforeReplace,
            aliases=tuple(alias.urn or alias.spec.name for alias in request.aliases),
            ignore_changes=tuple(request.ignoreChanges),
            import_id=request.importId,
        )
        with self._lock:
            assert urn not in self._registered, f"two resources are {urn}"
            self._registered[urn] = registered
        if not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        state = {"arn": _arn(request.type, request.name)} | inputs | dict(self._computed.get(request.type, {}))
        return resource_pb2.RegisterResourceResponse(urn=urn, id=f"{request.name}-id", object=_struct(state))

    def RegisterResourceOutputs(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> empty_pb2.Empty:
        with self._lock:
            assert request.urn not in self._outputs, f"register_outputs twice: {request.urn}"
            self._outputs[request.urn] = dict(rpc.deserialize_properties(request.outputs))
        return empty_pb2.Empty()

    def Invoke(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.ResourceInvokeRequest
    ) -> resource_pb2.ResourceInvokeResponse:
        assert request.tok in self._calls, f"the test has no answer for {request.tok}"
        response = resource_pb2.ResourceInvokeResponse()
        # The field's name is a Python keyword.
        getattr(response, "return").CopyFrom(_struct(self._calls[request.tok]))
        return response


def _is_stack(urn: str) -> bool:
    return f"::{STACK_TYPE}::" in urn


def _arn(type_token: str, name: str) -> str:
    """Return an ARN with the right service, enough to see which resource an input came from."""
    service = type_token.partition("/")[0].rpartition(":")[2]
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(values), struct_pb2.Struct())
