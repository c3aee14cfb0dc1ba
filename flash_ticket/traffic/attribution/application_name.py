"""What a pod's labels call the application, and names that traffic.yaml takes."""

from collections.abc import Container, Iterator

from flash_ticket.firewall.declare.matrix import Labels

TELLING_KEYS = ("app.kubernetes.io/name", "app", "k8s-app", "name")
"""What names an application, best first (Kubernetes documentation, "Recommended Labels", and what is usual)."""

_OF_ONE_ROLLOUT = {"pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name"}


def telling(labels: Labels) -> Labels:
    """Return the one label that names an application; all that outlast a rollout where none is known to."""
    known = dict(labels)
    return next((((key, known[key]),) for key in TELLING_KEYS if known.get(key)), lasting(labels))


def lasting(labels: Labels) -> Labels:
    """Return the labels that a pod's successor will have too."""
    return tuple(each for each in labels if each[0] not in _OF_ONE_ROLLOUT)


def free_name(wanted: str, taken: Container[str]) -> str:
    """Return a name that traffic.yaml takes and that is not taken: small letters, digits and dashes (RFC 1123)."""
    small = "".join(each if each.isascii() and each.isalnum() else "-" for each in wanted.lower())
    name = small.strip("-")[:56].rstrip("-") or "stranger"
    return next(each for each in _numbered(name) if each not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1
