"""What a stack asks for of guard rails; nothing is made for what it does not ask for."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Enforcement(StrEnum):
    """What becomes of a request that the admission policy does not want; to be raised step by step."""

    AUDIT = "audit"
    WARN = "warn"
    DENY = "deny"

    @property
    def actions(self) -> list[str]:
        """The ``validationActions``: Deny excludes Warn (Kubernetes documentation, "Validating Admission Policy")."""
        return ["Audit"] if self is Enforcement.AUDIT else [self.value.capitalize(), "Audit"]


class PodSecurityLevel(StrEnum):
    """The Pod Security Standards (Kubernetes documentation)."""

    PRIVILEGED = "privileged"
    BASELINE = "baseline"
    RESTRICTED = "restricted"


class Duty(StrEnum):
    """What somebody does with the firewall."""

    DEPLOYER = "deployer"
    VERIFIER = "verifier"
    ON_CALL = "on-call"


class SubjectKind(StrEnum):
    """Who is meant, in the words of RBAC."""

    USER = "User"
    GROUP = "Group"
    SERVICE_ACCOUNT = "ServiceAccount"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Somebody as the API server knows them.

    Attributes:
        namespace: Of a service account; empty for the others.
    """

    kind: SubjectKind
    name: str
    namespace: str = ""

    @property
    def known_as(self) -> str:
        """The user name or group of a request (Kubernetes documentation, "Authenticating")."""
        return f"system:serviceaccount:{self.namespace}:{self.name}" if self.namespace else self.name

    def includes(self, user: str, groups: tuple[str, ...]) -> bool:
        """Tell whether a request of this user and these groups is theirs."""
        return self.known_as in groups if self.kind is SubjectKind.GROUP else self.known_as == user


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may change the policies of the namespace, and what becomes of others who try."""

    enforcement: Enforcement
    deployers: tuple[Subject, ...]


@dataclass(frozen=True, slots=True)
class PodSecurity:
    """The levels of the namespace by mode; None leaves a label alone."""

    enforce: PodSecurityLevel | None
    warn: PodSecurityLevel | None
    audit: PodSecurityLevel | None

    def labels(self) -> dict[str, str]:
        """Return the labels of the namespace (Kubernetes documentation, "Pod Security Admission")."""
        modes = {"enforce": self.enforce, "warn": self.warn, "audit": self.audit}
        return {f"pod-security.kubernetes.io/{mode}": level.value for mode, level in modes.items() if level}


@dataclass(frozen=True, slots=True)
class GuardRails:
    """What is made; None and empty for what nobody asked for."""

    admission: Admission | None
    pod_security: PodSecurity | None
    duties: tuple[tuple[Duty, tuple[Subject, ...]], ...]

    def changers(self) -> tuple[Subject, ...]:
        """Return who may change the policies: the deployers, and who suspends at night."""
        return tuple(sorted(set(self._changers())))

    def _changers(self) -> Iterator[Subject]:
        if self.admission:
            yield from self.admission.deployers
        for duty, subjects in self.duties:
            if duty is not Duty.VERIFIER:
                yield from subjects
