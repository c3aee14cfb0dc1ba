"""A drafted matrix as a traffic file: comments give the evidence of each line, head and foot list what is left out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

import yaml

from flash_ticket.firewall.declare.built_in import AWS_PORTS, AwsService, written_name
from flash_ticket.firewall.declare.matrix import External, Service
from flash_ticket.firewall.terms.input_error import escaped
from flash_ticket.firewall.terms.moment import written
from flash_ticket.firewall.terms.ports import PortRange, Protocol
from flash_ticket.report.traffic.traffic_words import gap_lines, line_count, span, totals_lines, who
from flash_ticket.traffic.attribution.attributed_traffic import AttributedTraffic
from flash_ticket.traffic.attribution.examples import MOST_EXAMPLES
from flash_ticket.traffic.proposals.draft import Draft, DraftedFlow, Stranger

_MOST_STRANGERS = 100
_ANY_WIDTH = 1 << 20


def written_draft(draft: Draft, traffic: AttributedTraffic) -> str:
    """Return a traffic file that ``declare.traffic_file`` can read; text from logs is escaped.

    Args:
        draft: The draft from this traffic.
        traffic: The recorded traffic.
    """
    parts = (
        map(_comment, _head(draft, traffic)),
        (written_entry("namespace", draft.namespace), "", "services:"),
        chain.from_iterable(written_service(each) for each in draft.services),
        ("", "# Outside the namespace; Pulumi.<stack>.yaml gives the places of those without a namespace."),
        ("externals:" if draft.externals else "externals: {}",),
        (f"  {each}" for each in written_externals(draft.externals)),
        ("", "flows:" if draft.flows else "flows: []"),
        (f"  - {_flow(each)}" for each in draft.flows),
        map(_comment, _foot(draft.strangers)),
    )
    return "".join(f"{line}\n" for line in chain.from_iterable(parts))


def _comment(text: str) -> str:
    return f"# {escaped(text)}" if text else "#"


def _head(draft: Draft, traffic: AttributedTraffic) -> Iterator[str]:
    conversations = traffic.attribution.conversations
    yield "DRAFT: review it line by line before anybody deploys it. It allows everything that was recorded as working,"
    yield "wanted or not: also an attack that succeeded in that time, a forgotten job, or a mistake."
    yield f"Stack: {traffic.firewall.environment.name}."
    if conversations:
        time = span(min(each.first for each in conversations), max(each.last for each in conversations))
        yield f"Recorded: {time}. Jobs that run less often, such as monthly ones, are not in it and would be cut."
    for kind, count in draft.left_out.items():
        if count:
            yield f"Left out: {line_count(count)} that {kind}."
    yield ""
    yield from totals_lines(traffic.totals)
    yield from gap_lines(traffic.totals, traffic.attribution)


def written_service(service: Service) -> Iterator[str]:
    """Yield the line of a service; its policies only if they have names of their own."""
    entry: dict[str, object] = {"namespace": service.namespace} if service.namespace else {}
    entry["pods"] = dict(service.pods)
    if service.ports:
        entry["ports"] = written_ports(service.ports)
    policies = {way.value: name for way, name in service.policies if name != f"allow-{way}-{service.name}"}
    if policies:
        entry["policies"] = policies
    if service.stacks:
        entry["stacks"] = list(service.stacks)
    line = f"  {written_entry(service.name, entry)}"
    yield line if service.ports else f"{line} # no recorded calls: add ports, if it listens"


def written_externals(externals: Iterable[External]) -> Iterator[str]:
    """Yield the lines of externals: one for all services of AWS of the same external, none for built-in peers."""
    services: dict[str, list[str]] = {}
    for each in externals:
        if isinstance(each.looked_up, AwsService):
            services.setdefault(written_name(each.name), []).append(each.looked_up.name)
    for each in externals:
        found = services.pop(written_name(each.name), None) if isinstance(each.looked_up, AwsService) else None
        if found or each.looked_up is None:
            yield written_external(replace(each, name=written_name(each.name)), found or ())


def written_external(external: External, services: Sequence[str] = ()) -> str:
    """Return the line of an external.

    Args:
        external: The external.
        services: The services of AWS that it stands for.
    """
    if services and external.ports == AWS_PORTS:
        external = replace(external, ports=())
    entry: dict[str, object] = {"ports": written_ports(external.ports)} if external.ports else {}
    if external.domains:
        entry["domains"] = list(external.domains)
    if external.namespace is not None:
        entry["namespace"] = external.namespace
    if external.pods:
        entry["pods"] = dict(external.pods)
    if services:
        entry["services"] = list(services)
    if external.stacks:
        entry["stacks"] = list(external.stacks)
    return written_entry(external.name, entry)


def _flow(flow: DraftedFlow) -> str:
    entry: dict[str, object] = {"from": flow.source, "to": flow.target, "ports": written_ports((flow.ports,))}
    if flow.because:
        entry["because"] = flow.because
    if flow.until:
        entry["until"] = flow.until
    return f"{flow_style(entry)} # {line_count(flow.count)}, last {written(flow.last)}"


def written_ports(ports: Sequence[PortRange]) -> list[object]:
    """Return ports as a traffic file writes them."""
    numbers = [(port, port.first if port.first == port.last else port.numbers) for port in ports]
    return [
        number if port.protocol is Protocol.TCP else {"port": number, "protocol": port.protocol.value}
        for port, number in numbers
    ]


def _foot(strangers: Sequence[Stranger]) -> Iterator[str]:
    if not strangers:
        return
    yield ""
    yield f"Worked too, but cannot be written above as it is ({len(strangers)}). Declare what is wanted of it:"
    for stranger in strangers[:_MOST_STRANGERS]:
        seen = stranger.seen
        lines = f"{line_count(seen.count)}, last {written(seen.last)}"
        yield f"  {seen.source} => {seen.destination} : {seen.port}  {lines}"
        source = who(seen.sources[:MOST_EXAMPLES], seen.callers[:MOST_EXAMPLES])
        yield f"    from {source}; to {who(seen.destinations[:MOST_EXAMPLES], seen.called[:MOST_EXAMPLES])}"
        if stranger.allowance.line:
            yield f"    {stranger.allowance.line}"
        yield from (
            f"    {'before that: ' if stranger.allowance.line else ''}{each}" for each in stranger.allowance.before
        )
    if len(strangers) > _MOST_STRANGERS:
        yield f"  and {len(strangers) - _MOST_STRANGERS:,} more"


def written_entry(key: str, value: object) -> str:
    """Return one key with its value, quoted where YAML would read it differently."""
    return flow_style({key: value}).removeprefix("{").removesuffix("}")


def flow_style(value: object) -> str:
    """Return a value as one line of YAML."""
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=_ANY_WIDTH)
    return text.strip()
