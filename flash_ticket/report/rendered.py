"""The text of rendered files: manifests as YAML, the order for kustomize, and the security groups for review."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from flash_ticket.firewall.bind.environment import Group
from flash_ticket.firewall.compile.rendered import ManifestFile
from flash_ticket.firewall.compile.vpc_layer import GroupRule, Holder, VpcFirewall, label_of
from flash_ticket.firewall.terms.input_error import escaped
from flash_ticket.firewall.terms.ports import listing
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.firewall.terms.yaml.scalars import kubernetes_scalar, yaml_1_1_scalar

MARK = "# Rendered by flash-firewall"
"""The beginning of the first line of each rendered file."""

KUSTOMIZATION_FILE = "Kustomization"
"""Kustomize and Argo CD read this name like kustomization.yaml. ``kubectl apply -f`` on the folder passes it over: it
reads only .yaml, .yml and .json, and would send kustomization.yaml to the API server, which does not know its kind."""

GROUPS_FILE = "security_groups.txt"

_WIDTH = 120


def head_line(namespace: str, stack: str) -> str:
    """Return the first line of each rendered file of a stack: it tells the files of a stack from all others."""
    return escaped(f"{MARK} for {namespace}, stack {stack}. Edit traffic.yaml, and render again.")


def rendered_texts(files: Iterable[ManifestFile], vpc: VpcFirewall, namespace: str, stack: str) -> dict[str, str]:
    """Return the text of each file by its name; the same input gives the same bytes."""
    files, head = tuple(files), f"{head_line(namespace, stack)}\n"
    texts = {each.name: head + _manifests_text(each.objects) for each in files}
    texts[KUSTOMIZATION_FILE] = head + _kustomization_text([each.name for each in files])
    texts[GROUPS_FILE] = head + groups_text(vpc, stack)
    return dict(sorted(texts.items()))


def changes_text(folder: str, changes: Mapping[str, Iterable[str]], unchanged: int) -> str:
    """Return what a rendering changed in its folder.

    Args:
        folder: The folder, as the user names it.
        changes: The names of the files by what happened to them, such as ``removed``.
        unchanged: How many files stayed as they were.
    """
    lines = [f"{word:<8} {name}" for word, names in changes.items() for name in names]
    total = f"{folder}: {unchanged} files are as before." if unchanged else f"{folder}: every file is new or changed."
    return "".join(f"{escaped(line)}\n" for line in (*lines, total))


class _Dumper(yaml.SafeDumper):
    """Writes text so that YAML 1.1, YAML 1.2 and Kubernetes read the same text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - PyYAML's own signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if _reads_as_text(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


def _reads_as_text(text: str) -> bool:
    try:
        return bool(text) and text == kubernetes_scalar(text) == yaml_1_1_scalar(text)
    except ValueError:
        return False


_Dumper.add_representer(str, _text)


def _manifests_text(objects: Iterable[Mapping[str, Any]]) -> str:
    texts = (yaml.dump(dict(each), Dumper=_Dumper, sort_keys=False, width=_WIDTH) for each in objects)
    return "---\n".join(texts)


def _kustomization_text(files: Iterable[str]) -> str:
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "sortOptions": {"order": "fifo"},
        "resources": list(files),
    }
    order = (
        "# kubectl apply -k and Argo CD create what allows before what denies, in this order.\n"
        "# kubectl delete -f deletes 00-default-deny first, in the order of the names.\n"
    )
    return order + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=_WIDTH)


def groups_text(vpc: VpcFirewall, stack: str) -> str:
    """Return the groups of a stack and the rules that it puts into them, for review; Pulumi makes both."""
    by_holder: dict[Holder, list[GroupRule]] = {group: [] for group in vpc.groups}
    for rule in vpc.rules:
        by_holder.setdefault(rule.holder, []).append(rule)
    holders = sorted(by_holder, key=lambda holder: (isinstance(holder, Group), holder.label, str(holder)))
    parts = (_group_lines(holder, by_holder[holder]) for holder in holders)
    lines = [f"# For review. Pulumi makes these groups and rules: pulumi up --stack {stack}.", *_spaced(parts)]
    return "".join(f"{escaped(line)}\n" for line in lines)


def _spaced(parts: Iterable[Iterable[str]]) -> Iterator[str]:
    for part in parts:
        yield ""
        yield from part


def _group_lines(holder: Holder, rules: Iterable[GroupRule]) -> Iterator[str]:
    whose = f"{holder.id}, of others" if isinstance(holder, Group) else "made by this stack"
    yield f"{holder.label} ({whose})"
    ordered = sorted(rules, key=lambda rule: (rule.direction, rule.ports, rule.name))
    rows = [(rule.direction.value, listing((rule.ports,)), _side(rule), rule.description) for rule in ordered]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        yield f"  {'  '.join(cells)}  {row[-1]}"


def _side(rule: GroupRule) -> str:
    return f"{'from' if rule.direction is Direction.INGRESS else 'to'} {label_of(rule.peer)}"
