"""Both compiled layers as text for review, in files under ``golden/``.

``pytest --update-golden`` writes the files again; a person then reviews and commits the difference.
"""

from pathlib import Path

import yaml

from flash_ticket.firewall.bind.environment import Group, PrefixList
from flash_ticket.firewall.compile.pod_layer import PodFirewall
from flash_ticket.firewall.compile.vpc_layer import OwnGroup, RulePeer, VpcFirewall
from flash_ticket.firewall.declare.choices import Network

FOLDER = Path(__file__).parents[2] / "firewall" / "compile" / "golden"


def pods_text(firewall: PodFirewall) -> str:
    """Return the manifests in the order of their creation, as one YAML stream."""
    return yaml.safe_dump_all(
        [policy.manifest() for policy in firewall.policies], explicit_start=True, sort_keys=False, width=120
    )


def vpc_text(firewall: VpcFirewall) -> str:
    """Return the groups, the rules by name, and the attachments to pods, as YAML."""
    return yaml.safe_dump(
        {
            "groups": [group.label for group in firewall.groups],
            "rules": {
                rule.name: {
                    "group": _written(rule.holder),
                    rule.direction.value: str(rule.ports),
                    "peer": _written(rule.peer),
                    "for": list(rule.flows),
                }
                for rule in firewall.rules
            },
            "attachments": {
                each.service: {"pods": dict(each.pods), "groups": [group.label for group in each.groups]}
                for each in firewall.attachments
            },
        },
        sort_keys=False,
        width=120,
    )


def _written(peer: RulePeer) -> str:
    match peer:
        case OwnGroup():
            return f"own {peer.label}"
        case Group():
            return f"existing {peer.id}"
        case PrefixList():
            return f"prefix list {peer.id}"
        case _ if isinstance(peer, Network):
            return str(peer)


def compare(name: str, text: str, *, update: bool) -> None:
    """Compare a text with its golden file, or write the file.

    Raises:
        AssertionError: The text differs, or the file does not exist.
    """
    path = FOLDER / name
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{name} is missing: run pytest --update-golden and read what it writes"
    assert text == path.read_text(encoding="utf-8"), f"{name} differs: if that is meant, run pytest --update-golden"
