"""What the stack has declared so far, read from its own outputs as they were before this update."""

from dataclasses import dataclass

import pulumi

from flash_ticket.firewall.change.history import VERSIONS_OUTPUT, DeclaredVersion, continued


@dataclass(frozen=True, slots=True)
class DeclaredVersionsArgs:
    """What `DeclaredVersions` records.

    Attributes:
        declared: What this update declares.
    """

    declared: DeclaredVersion


class DeclaredVersions(pulumi.ComponentResource):
    """The record of a stack's declarations.

    Attributes:
        record: For the output `VERSIONS_OUTPUT`. Nothing in it is secret: it is kept as one so that no update prints
            it.
    """

    record: pulumi.Output[str]

    def __init__(self, name: str, args: DeclaredVersionsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flash-ticket-firewall:components:DeclaredVersions", name, None, opts)
        stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
        own = pulumi.StackReference(f"{name}-so-far", stack, opts=pulumi.ResourceOptions(parent=self))
        earlier = own.get_output(VERSIONS_OUTPUT)
        self.record = pulumi.Output.secret(earlier.apply(lambda text: continued(text, args.declared)))
        self.register_outputs({})
