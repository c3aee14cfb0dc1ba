"""A draft from a folder of NetworkPolicies as a traffic.yaml, with where each line is from, and what differs."""

from collections.abc import Iterable, Iterator
from itertools import chain

from flash_ticket.firewall.declare.matrix import External, Flow, Service
from flash_ticket.firewall.terms.addresses import AddressRange
from flash_ticket.firewall.terms.input_error import escaped
from flash_ticket.report.traffic.draft import (
    flow_style,
    written_entry,
    written_external,
    written_ports,
    written_service,
)
from flash_ticket.traffic.proposals.folder_names import ANYWHERE
from flash_ticket.traffic.proposals.policy_draft import PolicyDraft

_MOST_LINES = 100


def written_policy_draft(draft: PolicyDraft, folder: str) -> str:
    """Return a traffic file that ``declare.traffic_file`` can read; text from the folder is escaped.

    Args:
        draft: The draft.
        folder: The folder, as the user names it.
    """
    matrix = draft.matrix
    parts = (
        map(_comment, _head(folder)),
        (written_entry("namespace", matrix.namespace), "", "services:"),
        chain.from_iterable(_service(each) for each in matrix.services),
        ("", "# Outside the namespace; Pulumi.<stack>.yaml gives the places of those without a namespace."),
        ("externals:" if matrix.externals else "externals: {}",),
        (f"  {_external(each, draft)}" for each in matrix.externals),
        ("", "flows:" if matrix.flows else "flows: []"),
        (f"  - {_flow(each, draft)}" for each in matrix.flows),
        map(_comment, _foot(draft)),
    )
    return "".join(f"{line}\n" for line in chain.from_iterable(parts))


def _comment(text: str) -> str:
    return f"# {escaped(text)}" if text else "#"


def _head(folder: str) -> Iterator[str]:
    yield f"DRAFT from the NetworkPolicies in {folder}: review it line by line before anybody deploys it."
    yield "It declares what they allow, wanted or not. What it leaves out, and which connections differ, is at the end."
    yield ""


def _service(service: Service) -> Iterator[str]:
    line, *_ = written_service(service)
    yield (
        line
        if service.ports
        else f"{line.partition(' # ')[0]} # the folder names no port of it: add ports, if it listens"
    )


def _external(external: External, draft: PolicyDraft) -> str:
    line = written_external(external)
    return f"{line} # {_addresses(draft.places[external.name])}" if external.name in draft.places else line


def _addresses(ranges: tuple[AddressRange, ...]) -> str:
    if ranges == ANYWHERE:
        return "the folder says anywhere: bind the addresses that are meant"
    shown = ", ".join(map(str, ranges[:3]))
    return f"{shown} and {len(ranges) - 3} more" if len(ranges) > 3 else shown  # noqa: PLR2004 - as many as a line holds


def _flow(flow: Flow, draft: PolicyDraft) -> str:
    entry: dict[str, object] = {"from": flow.source, "to": flow.target}
    if flow.ports != draft.matrix.endpoints[flow.target].ports:
        entry["ports"] = written_ports(flow.ports)
    names = ", ".join(draft.sources.get((flow.source, flow.target), ()))
    return f"{flow_style(entry)} # {escaped(names)}" if names else flow_style(entry)


def _foot(draft: PolicyDraft) -> Iterator[str]:
    if draft.unsaid:
        yield from ("", f"Not in this draft ({len(draft.unsaid)}):", *_lines(map(str, draft.unsaid)))
    if kept := sorted(_kept(draft)):
        yield from (
            "",
            f"Policies whose names the draft keeps ({len(kept)}). The first deployment takes them over in place, if",
            "Pulumi.<stack>.yaml says so in the binding:",
            f"  adopt: {{policies: [{', '.join(kept)}]}}",
        )
    if draft.left_over:
        names = sorted(draft.left_over)
        yield from (
            "",
            f"Policies whose names the draft does not keep ({len(names)}). They stay beside the new ones, and allow",
            "what they allow. Delete them after the first deployment, when declared traffic still passes:",
            *(f"  {name}: {draft.left_over[name]}" for name in names),
            f"  kubectl delete networkpolicy --namespace {draft.matrix.namespace} {' '.join(names)}",
        )
    if not draft.changes:
        yield from ("", "No connection differs between the folder and the policies of this draft.")
        return
    yield from (
        "",
        f"Connections that differ between the folder and the policies of this draft ({len(draft.changes)}).",
        "What is removed, the folder allows and the draft does not:",
        *_lines(map(str, draft.changes)),
    )


def _kept(draft: PolicyDraft) -> set[str]:
    """Return the names of policies of the folder that the draft keeps."""
    theirs = {name for names in draft.sources.values() for name in names}
    return theirs & {name for service in draft.matrix.services for _, name in service.policies}


def _lines(texts: Iterable[str]) -> Iterator[str]:
    found = list(texts)
    yield from (f"  {each}" for each in found[:_MOST_LINES])
    if len(found) > _MOST_LINES:
        yield f"  and {len(found) - _MOST_LINES:,} more"
