"""What a deployment may take over, from the binding: names of policies, and the groups that the account has."""

from collections.abc import Iterator

from flash_ticket.firewall.bind.environment import Adopting, Environment, Group
from flash_ticket.firewall.bind.lookup import Lookup
from flash_ticket.firewall.declare.binding import BINDING_KEY
from flash_ticket.firewall.declare.choices import Attachment, PodLayerOwner
from flash_ticket.firewall.declare.fields import default_deny_of
from flash_ticket.firewall.declare.sections.adopt import AdoptEntry, Every
from flash_ticket.firewall.declare.sections.selection import One
from flash_ticket.firewall.terms.input_error import InputError, refuse_all

POLICIES = f"{BINDING_KEY}.adopt.policies"
GROUPS = f"{BINDING_KEY}.adopt.groups"


def bind_adopting(entry: AdoptEntry | None, lookup: Lookup, environment: Environment) -> Adopting | None:
    """Return what a deployment may take over; None without the key.

    Args:
        entry: The key of the binding.
        lookup: Finds the groups.
        environment: The environment, whose own groups cannot be taken over.

    Raises:
        InputError: A name is not in traffic.yaml, a group is absent, ambiguous or in use otherwise, or something else
            than Pulumi applies the policies.
    """
    if entry is None:
        return None
    mistakes: list[InputError] = []
    matrix = lookup.matrix
    names = {name for service in matrix.services for _, name in service.policies}
    names |= {default_deny_of(namespace, matrix.namespace) for namespace in matrix.namespaces}
    listed = () if entry.policies is None or isinstance(entry.policies, Every) else entry.policies
    mistakes += _wrong_policies(entry, lookup, environment, names)
    groups: dict[str, Group] = {}
    for label, selection in (entry.groups or {}).items():
        with lookup.gathered(mistakes):
            groups[label] = _group(label, selection, lookup, environment)
    mistakes += _taken_twice(groups, lookup)
    refuse_all(mistakes)
    every = names if entry.policies is Every.EVERY else listed
    return Adopting(frozenset(every), listed, tuple(sorted(groups.items())))


def _wrong_policies(
    entry: AdoptEntry, lookup: Lookup, environment: Environment, names: set[str]
) -> Iterator[InputError]:
    if entry.policies is None:
        return
    if environment.cluster.pod_layer is PodLayerOwner.RENDERED:
        yield lookup.refuse(
            "adopt.policies",
            "cluster.podLayer is rendered, so this program applies no policies and takes none over",
            "Remove it: what applies the rendered files updates policies of the same names in place",
        )
    for number, name in enumerate(() if isinstance(entry.policies, Every) else entry.policies):
        if name not in names:
            yield lookup.refuse(
                f"adopt.policies[{number}]",
                f"no service of traffic.yaml has a policy {name}",
                "Give the name to a service there, under policies; or remove it here, and delete the policy after "
                "the deployment",
            )


def _group(label: str, selection: One, lookup: Lookup, environment: Environment) -> Group:
    key, fronts = f"adopt.groups.{label}", set(environment.fronts)
    services = {service.name for service in lookup.matrix.services}
    if label not in services | fronts:
        known = ", ".join(sorted(services | fronts))
        raise lookup.refuse(key, f"{label} has no group of this program", f"Write one of: {known}")
    if label in services and Attachment.PODS not in environment.cluster.in_use:
        remedy = f"Remove it, or keep {' and '.join(sorted(fronts))}" if fronts else "Remove it"
        raise lookup.refuse(key, "with cluster.attachment nodes, services have no groups of their own", remedy)
    found = lookup.group(key, selection, environment.vpc)
    if use := dict(_uses(environment)).get(found.id):
        raise lookup.refuse(key, f"{found.id} is {use}", "Name the group of these pods alone, or remove it")
    return found


def _uses(environment: Environment) -> Iterator[tuple[str, str]]:
    cluster = environment.cluster
    yield from ((each.id, "a group of DNS") for each in cluster.groups_of_dns)
    yield from ((group.id, f"a group of places.{name}") for name, place in environment.places for group in place.groups)
    yield cluster.group.id, "the group of the cluster"
    yield from ((each.id, "cluster.nodes") for each in cluster.nodes)


def _taken_twice(groups: dict[str, Group], lookup: Lookup) -> Iterator[InputError]:
    first: dict[str, str] = {}
    for label, group in groups.items():
        other = first.setdefault(group.id, label)
        if other != label:
            yield lookup.refuse(
                f"adopt.groups.{label}", f"{group.id} is the group of {other} already", "Each name needs its own group"
            )
