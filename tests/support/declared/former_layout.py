"""The VPC layer as earlier versions of this program compiled it, without a group of all pods.

A deployment on top of it must neither cut nor open anything, although running pods keep the groups that they have.
"""

from dataclasses import replace

from flash_ticket.firewall.compile.group_rules import compile_groups
from flash_ticket.firewall.compile.vpc_layer import VpcFirewall, group_of_all_pods
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall


def former_layout(firewall: CompiledFirewall) -> CompiledFirewall:
    """Return a firewall with the groups, rules and attachments of an earlier version."""
    every = group_of_all_pods(firewall.matrix.namespace)
    waiting = frozenset(service.name for service in firewall.matrix.services)
    now = compile_groups(firewall.matrix, replace(firewall.environment, waiting=waiting))
    return replace(
        firewall,
        vpc=VpcFirewall(
            tuple(group for group in now.groups if group != every),
            tuple(rule for rule in now.rules if every not in (rule.holder, rule.peer)),
            tuple(replace(each, groups=each.groups[:1]) for each in now.attachments),
        ),
    )
