"""Proofs as text and as JSON: one line if the proof holds, a table of what to fix if it does not."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import zip_longest
from textwrap import wrap

from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, StoppedOnce, stopped_once
from flash_ticket.firewall.prove.endpoint import DNS, KUBELET, THROUGH_NODE
from flash_ticket.firewall.prove.proof import Blur, GroupsOfOthers, Proof, Rest, Why
from flash_ticket.firewall.prove.violation import Fault, Violation, few
from flash_ticket.firewall.terms.input_error import escaped
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.verdict import Answer, Layer
from flash_ticket.report.json_form import AnswerFormat

StackProofs = Sequence[tuple[CompiledFirewall, Proof]]

_COLUMNS = (("from", 17), ("to", 17), ("ports", 12), ("layer", 5), ("what decides", 33), ("what to change", 26))
_MOST_VIOLATIONS = 20
_MOST_LINES = 5


def proof_text(proof: Proof) -> str:
    """Return the summary, the violations or what only one layer stops, and what no layer can tell apart.

    Unless names are very long, no line is longer than 120 columns.
    """
    lines = [_summary(proof)]
    if proof.holds:
        lines += of_others_text(proof.others)
    if proof.holds:
        lines += _rests(proof.rests)
    lines += blurs_text(proof.blurs)
    if proof.violations:
        lines += _violations(proof.violations)
    if proof.accepted:
        lines.append("The settings accept that policies of administrators stop or open these against the declaration:")
        lines += _first(_MOST_LINES, [_accepted(each) for each in proof.accepted])
    return "\n".join(escaped(line) for line in lines)


def of_others_text(others: GroupsOfOthers) -> Iterator[str]:
    """Yield what rules of others mean, in lines; none if they mean nothing."""
    if others.unknown:
        yield not_known(others)
        yield f"  {few(others.groups)}"
    if others.openings:
        yield opened_by_others(others)
        yield from _first(_MOST_LINES, [str(opening) for opening in others.openings])


def not_known(others: GroupsOfOthers) -> str:
    """Return how many connections the VPC layer stops or does not stop, as only the account knows."""
    return (
        f"The pod layer stops {others.unknown:,} more. Only the account knows if the VPC layer stops them, too: others "
        "hold rules in"
    )


def opened_by_others(others: GroupsOfOthers) -> str:
    """Return how many connections only the pod layer stops because of rules of others, which are to follow."""
    return f"Rules of others open the VPC layer, so that only the pod layer stops {others.opened:,} of these. They are:"


def blurs_text(blurs: Sequence[Blur]) -> Iterator[str]:
    """Yield the undeclared connections that pass, or that perhaps do, in lines."""
    for heading, found in blurs_said(blurs):
        yield heading
        yield from _first(_MOST_LINES, [str(blur) for blur in found])
        if found[0].because:
            yield "Narrow these rules, or give the places addresses of their own."
        elif any(blur.destination == KUBELET and DNS in blur.like for blur in found):
            yield "If CoreDNS has no group of the nodes, say which it has: cluster.dns.groups of the binding."


def blurs_said(blurs: Sequence[Blur]) -> Iterator[tuple[str, list[Blur]]]:
    """Yield the undeclared connections that pass, or that perhaps do, by the reason, each with a heading."""
    by_heading: dict[str, list[Blur]] = {}
    for blur in blurs:
        by_heading.setdefault(_heading(blur), []).append(blur)
    yield from sorted(by_heading.items())


def _heading(blur: Blur) -> str:
    if blur.answer is Answer.UNKNOWN:
        return (
            "The pod layer takes these for something declared, and only the account knows if the VPC layer stops them:"
        )
    if blur.destination == THROUGH_NODE:
        return (
            "Pods of IPv6 reach IPv4 addresses through their node, where neither policies nor the pods' groups apply:"
        )
    if blur.because:
        return "The pod layer takes these for something declared, and rules of others open the VPC layer for them:"
    return "Neither layer can stop these, because they look like something declared:"


def _summary(proof: Proof) -> str:
    if not proof.holds:
        count = len(proof.violations)
        return f"The proof does not hold: {count:,} thing{'s are' if count > 1 else ' is'} not as declared."
    holds = f"The proof holds: {proof.declared:,} declared connections pass both layers, and"
    both, one = f"{proof.stopped[2]:,}", f"{proof.stopped[1]:,}"
    if proof.blurs:
        return f"{holds} of the undeclared ones {both} are stopped by both and {one} by one."
    return f"{holds} no undeclared one does: both stop {both}, one stops {one}."


def _first(most: int, lines: Sequence[str]) -> list[str]:
    shown = [f"  {line}" for line in lines[:most]]
    return shown if len(lines) <= most else [*shown, f"  and {len(lines) - most:,} more"]


_OF_RESTS = {
    Why.SHARED_GROUP: "Services share a group: for these pairs only the pod layer stops what is not declared.",
    Why.COARSE_RULES: "Rules are coarse: opened by the VPC layer, stopped by the pod layer.",
    Why.DOMAIN_NAMES: (
        "Security groups know no names: they open the ports of names to every address. Only the pod layer stops these."
    ),
}


def _rests(rests: Sequence[Rest]) -> Iterator[str]:
    for why, heading in _OF_RESTS.items():
        found = [_rest(rest) for rest in rests if rest.why is why]
        if found:
            yield heading
            yield from _first(_MOST_LINES, found)


def _rest(rest: Rest) -> str:
    return f"{rest.source} => {rest.destination} : {rest.ports}"


def _accepted(violation: Violation) -> str:
    rules = ", ".join(map(str, violation.side.rules))
    return f"{violation.source} => {violation.destination} : {violation.ports}, {violation.fault} by {rules}"


def _rest_document(rest: Rest) -> dict[str, object]:
    return {
        "src": list(rest.sources),
        "dst": list(rest.destinations),
        "ports": str(rest.ports),
        "because": rest.why.value,
    }


def _violations(violations: Sequence[Violation]) -> Iterator[str]:
    shown = violations[:_MOST_VIOLATIONS]
    for fault in Fault:
        found = [violation for violation in shown if violation.fault is fault]
        if found:
            yield ""
            yield f"{fault.capitalize()}:"
            yield from _rows([name for name, _ in _COLUMNS])
            for violation in found:
                yield from _rows(_cells(violation))
    if len(violations) > len(shown):
        yield ""
        yield f"and {len(violations) - len(shown):,} more"


def _cells(violation: Violation) -> tuple[str, ...]:
    ports = str(violation.ports).replace(",", ", ")
    decides = str(violation.side)
    return violation.source, violation.destination, ports, violation.layer.value, decides, violation.remedy


def _rows(cells: Sequence[str]) -> Iterator[str]:
    """Yield one row of the table in as many lines as its longest cell needs."""
    wrapped = [wrap(escaped(cell), width) for cell, (_, width) in zip(cells, _COLUMNS, strict=True)]
    for parts in zip_longest(*wrapped, fillvalue=""):
        yield "  ".join(part.ljust(width) for part, (_, width) in zip(parts, _COLUMNS, strict=True)).rstrip()


def checked(proofs: StackProofs, form: AnswerFormat, *, lists_stopped_once: bool = False) -> str:
    """Return the proofs as text or JSON, each with its stack's name and warnings about misleading settings.

    Args:
        proofs: The stacks with their proofs.
        form: Text or JSON.
        lists_stopped_once: Whether to list the undeclared connections that one layer alone stops.
    """
    if form is AnswerFormat.JSON:
        return _json(proofs, lists_stopped_once=lists_stopped_once)
    return _text(proofs, lists_stopped_once=lists_stopped_once)


_OF_STOPPED_ONCE = {
    Layer.POD: "The NetworkPolicies alone stop these; the security groups let them through, or have no say:",
    Layer.VPC: "The security groups alone stop these; the NetworkPolicies let them through, or have no say:",
}


def open_without_text(found: Sequence[StoppedOnce]) -> str:
    """Return what a layer alone leaves open, because nothing of the only layer that stops it is deployed."""
    count, layer = sum(port.last - port.first + 1 for each in found for port in each.ports), found[0].by.value
    return (
        f"The proof counts both layers, and nothing of the {layer} layer is deployed. {count:,} undeclared connections "
        f"stay open until it is, because only the {layer} layer stops them."
    )


def _stopped_once(firewall: CompiledFirewall) -> Iterator[str]:
    found = stopped_once(firewall.layers())
    for layer, heading in _OF_STOPPED_ONCE.items():
        lines = [f"  {each}" for each in found if each.by is layer]
        yield from [heading, *lines] if lines else []


def _text(proofs: StackProofs, *, lists_stopped_once: bool) -> str:
    lines = []
    for firewall, proof in proofs:
        lines.append(f"{escaped(firewall.environment.name)}: {proof_text(proof)}")
        lines += map(escaped, _stopped_once(firewall)) if lists_stopped_once else ()
        lines += [escaped(f"{firewall.environment.name}: warning: {notice}") for notice in firewall.notices()]
    return "\n".join(lines) + "\n"


def _stopped_once_document(firewall: CompiledFirewall) -> list[dict[str, str]]:
    return [
        {"src": each.source, "dst": each.destination, "ports": str(each.ports), "layer": each.by.value}
        for each in stopped_once(firewall.layers())
    ]


def _json(proofs: StackProofs, *, lists_stopped_once: bool) -> str:
    return (
        json.dumps(
            [
                {
                    "stack": firewall.environment.name,
                    "holds": proof.holds,
                    "declared": proof.declared,
                    "stopped_by_layers": {str(layers): count for layers, count in proof.stopped.items()},
                    **({"stopped_by_one": _stopped_once_document(firewall)} if lists_stopped_once else {}),
                    "rules_of_others": of_others_document(proof.others),
                    "stopped_by_the_pod_layer_alone": [_rest_document(rest) for rest in proof.rests],
                    "violations": [_violation(violation) for violation in proof.violations],
                    "accepted": [_violation(violation) for violation in proof.accepted],
                    "indistinguishable": [blur_document(blur) for blur in proof.blurs],
                    "warnings": [_warning(notice) for notice in firewall.notices()],
                }
                for firewall, proof in proofs
            ],
            indent=2,
        )
        + "\n"
    )


def blur_document(blur: Blur) -> dict[str, object]:
    """Return an undeclared connection that passes, or that perhaps does, as a JSON object."""
    return {
        "src": blur.source,
        "dst": blur.destination,
        "ports": str(blur.ports),
        "like": list(blur.like),
        "by_rules_of_others": list(blur.because),
        "answer": blur.answer.value,
    }


def of_others_document(others: GroupsOfOthers) -> dict[str, object]:
    """Return what rules of others mean as a JSON object."""
    return {
        "stopped_by_the_pod_layer_alone": others.opened,
        "open": [asdict(each) for each in others.openings],
        "vpc_layer_not_known": others.unknown,
        "groups_not_known": list(others.groups),
    }


def _warning(notice: Notice) -> dict[str, str]:
    return {"setting": notice.where, "consequence": notice.what, "remedy": notice.remedy}


def _violation(violation: "Violation") -> dict[str, object]:
    return {
        "src": violation.source,
        "dst": violation.destination,
        "ports": str(violation.ports),
        "layer": violation.layer.value,
        "fault": violation.fault.value,
        "decides": [str(side) for side in violation.sides],
        "remedy": violation.remedy,
    }
