"""The binding's optional key ``guardRails``: what people write, and the checked values."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from flash_ticket.firewall.declare.sections.alerts import Asked
from flash_ticket.firewall.declare.validation import NOT_EMPTY, FileModel, refusal
from flash_ticket.firewall.terms.input_error import shown


class Enforcement(StrEnum):
    """What happens to a request that breaks the admission policy; raise it step by step."""

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
    """What a person or program does with the firewall."""

    DEPLOYER = "deployer"
    VERIFIER = "verifier"
    ON_CALL = "on-call"


class SubjectKind(StrEnum):
    """The kinds of subjects in RBAC."""

    USER = "User"
    GROUP = "Group"
    SERVICE_ACCOUNT = "ServiceAccount"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """A user, group or service account, as the API server knows it.

    Attributes:
        namespace: The service account's namespace; empty for users and groups.
    """

    kind: SubjectKind
    name: str
    namespace: str = ""

    @property
    def known_as(self) -> str:
        """The user name or group of a request (Kubernetes documentation, "Authenticating")."""
        return f"system:serviceaccount:{self.namespace}:{self.name}" if self.namespace else self.name

    def includes(self, user: str, groups: tuple[str, ...]) -> bool:
        """Return whether a request of this user, in these groups, comes from this subject."""
        return self.known_as in groups if self.kind is SubjectKind.GROUP else self.known_as == user


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may change the policies of the namespace, and what happens when others try."""

    enforcement: Enforcement
    deployers: tuple[Subject, ...]


@dataclass(frozen=True, slots=True)
class PodSecurity:
    """The level of the namespace for each mode; None leaves the mode's label unchanged."""

    enforce: PodSecurityLevel | None
    warn: PodSecurityLevel | None
    audit: PodSecurityLevel | None

    def labels(self) -> dict[str, str]:
        """Return the labels of the namespace (Kubernetes documentation, "Pod Security Admission")."""
        modes = {"enforce": self.enforce, "warn": self.warn, "audit": self.audit}
        return {f"pod-security.kubernetes.io/{mode}": level.value for mode, level in modes.items() if level}


class SecretOrigin(StrEnum):
    """Where the Secrets of the namespace come from."""

    SEALED = "sealed"
    """The Sealed Secrets controller makes them from SealedSecrets (bitnami.com)."""


@dataclass(frozen=True, slots=True)
class SecretsRule:
    """Which Secrets the namespace admits.

    Attributes:
        enforcement: What happens to any other Secret.
        controller: The service account of the Sealed Secrets controller.
        types: The types of Secrets that it admits from anybody, sorted.
    """

    enforcement: Enforcement
    controller: Subject
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuardRailChoice:
    """The guard rails to create; None or empty for what the binding does not request."""

    admission: Admission | None
    pod_security: PodSecurity | None
    duties: tuple[tuple[Duty, tuple[Subject, ...]], ...]
    secrets: SecretsRule | None = None

    def changers(self) -> tuple[Subject, ...]:
        """Return who may change the policies: the deployers, and those on call, who suspend the firewall."""
        return tuple(sorted(set(self._changers())))

    def _changers(self) -> Iterator[Subject]:
        if self.admission:
            yield from self.admission.deployers
        for duty, subjects in self.duties:
            if duty is not Duty.VERIFIER:
                yield from subjects


# Identity providers name people by mail addresses, ARNs or names with colons. No quotes or backslashes: the name goes
# into a quoted string of an expression.
_NAME = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,253}")
_ACCOUNT = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise refusal(f"{shown(value)} is not the name of a user or group", "Write it as kubectl auth whoami shows it")
    return value


def _account(value: object) -> str:
    if not isinstance(value, str) or not _ACCOUNT.fullmatch(value):
        raise refusal(f"{shown(value)} is not a service account", "Write namespace/name")
    return value


_SECRET_TYPE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._/]{0,251}[A-Za-z0-9])?")
_UNTYPED = "Opaque"


def _secret_type(value: object) -> str:
    if not isinstance(value, str) or not _SECRET_TYPE.fullmatch(value):
        raise refusal(f"{shown(value)} is not the type of a Secret", "Write one such as kubernetes.io/tls")
    if value == _UNTYPED:
        raise refusal(
            f"{_UNTYPED} is the type of ordinary Secrets, so the guard rail would admit every Secret",
            "Seal these Secrets, or remove guardRails.secrets",
        )
    return value


_TEXT = WithJsonSchema({"type": "string"})
SubjectNames = Annotated[list[Annotated[str, PlainValidator(_name), _TEXT]], Field(min_length=1)]
Accounts = Annotated[
    list[
        Annotated[str, PlainValidator(_account), WithJsonSchema({"type": "string", "pattern": f"^{_ACCOUNT.pattern}$"})]
    ],
    Field(min_length=1),
]


class SubjectsEntry(FileModel):
    """Users, groups and service accounts."""

    model_config = NOT_EMPTY

    users: SubjectNames | None = None
    """Names of users, as `kubectl auth whoami` shows them."""
    groups: SubjectNames | None = None
    """Names of groups, as `kubectl auth whoami` shows them."""
    service_accounts: Accounts | None = Field(None, alias="serviceAccounts")
    """Service accounts, as namespace/name."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not (self.users or self.groups or self.service_accounts):
            raise refusal("it names no one", "Name users, groups or serviceAccounts")
        return self

    def subjects(self) -> tuple[Subject, ...]:
        """Return the subjects, sorted."""
        accounts = (account.split("/") for account in self.service_accounts or ())
        return tuple(
            sorted(
                [
                    *(Subject(SubjectKind.USER, name) for name in self.users or ()),
                    *(Subject(SubjectKind.GROUP, name) for name in self.groups or ()),
                    *(Subject(SubjectKind.SERVICE_ACCOUNT, name, namespace) for namespace, name in accounts),
                ]
            )
        )


class AdmissionEntry(FileModel):
    """The only subjects that may change the policies, and how strictly; pods must keep their labels."""

    enforcement: Enforcement = Field(strict=False)
    """What happens to a request that breaks the admission policy."""
    deployers: SubjectsEntry
    """Who may change the policies of the namespace."""


class PodSecurityEntry(FileModel):
    """The Pod Security levels of the namespace."""

    model_config = NOT_EMPTY

    enforce: PodSecurityLevel | None = Field(None, strict=False)
    """The API server refuses pods that break this level."""
    warn: PodSecurityLevel | None = Field(None, strict=False)
    """The API server warns about pods that break this level."""
    audit: PodSecurityLevel | None = Field(None, strict=False)
    """The audit log names pods that break this level."""

    @model_validator(mode="after")
    def _some_mode(self) -> Self:
        if not (self.enforce or self.warn or self.audit):
            raise refusal("no mode is set", "Set enforce, warn or audit, or remove podSecurity")
        return self


class RolesEntry(FileModel):
    """Who has which duty; the program creates a role for each duty with subjects."""

    model_config = NOT_EMPTY

    deployer: SubjectsEntry | None = None
    """Who deploys the firewall."""
    verifier: SubjectsEntry | None = None
    """Who runs `flash-firewall verify`; this role only reads."""
    on_call: SubjectsEntry | None = Field(None, alias="onCall")
    """Who suspends policies at night."""

    @model_validator(mode="after")
    def _some_duty(self) -> Self:
        if not (self.deployer or self.verifier or self.on_call):
            raise refusal("no role is named", "Name deployer, verifier or onCall, or remove roles")
        return self


_TYPES_OF_OTHERS = ("kubernetes.io/service-account-token", "helm.sh/release.v1", "kubernetes.io/dockerconfigjson")
"""What Kubernetes and Helm write themselves, and the credentials of a registry."""


class SecretsEntry(FileModel):
    """Which Secrets the namespace admits, and what happens to others."""

    origin: SecretOrigin = Field(alias="from", strict=False)
    """What makes the Secrets."""
    enforcement: Enforcement = Field(Enforcement.DENY, strict=False)
    """What happens to any other Secret: start with audit, then warn, then deny."""
    controller: Annotated[str, PlainValidator(_account), _TEXT] = "kube-system/sealed-secrets-controller"
    """The namespace and the name of the service account that writes the Secrets."""
    types: list[Annotated[str, PlainValidator(_secret_type), _TEXT]] = Field(
        default_factory=lambda: list(_TYPES_OF_OTHERS)
    )
    """The types that the namespace admits from anybody."""

    def rule(self) -> SecretsRule:
        """Return the rule as values."""
        namespace, name = self.controller.split("/")
        account = Subject(SubjectKind.SERVICE_ACCOUNT, name, namespace)
        return SecretsRule(self.enforcement, account, tuple(sorted(set(self.types))))


def _long_form(value: object) -> object:
    """Return the keys that a single word means: ``sealed`` is ``{from: sealed}``."""
    return {"from": value} if isinstance(value, str) else value


_SHORT_OR_LONG = BeforeValidator(_long_form, json_schema_input_type=SecretsEntry | Literal["sealed"])


class GuardRailsEntry(FileModel):
    """The guard rails to create in the cluster; without this key, the program creates none."""

    model_config = NOT_EMPTY

    admission: Asked[AdmissionEntry] = None
    """An admission policy: only deployers change the NetworkPolicies of the namespace."""
    pod_security: Asked[PodSecurityEntry] = Field(None, alias="podSecurity")
    """The labels of the namespace for Pod Security."""
    roles: Asked[RolesEntry] = None
    """Roles with only the rights that each duty needs."""
    secrets: Annotated[Asked[SecretsEntry], _SHORT_OR_LONG] = None
    """An admission policy: Secrets come only from the Sealed Secrets controller. ``sealed`` is ``{from: sealed}``."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.admission or self.pod_security or self.roles or self.secrets):
            raise refusal(
                "no guard rail is requested", "Add admission, podSecurity, roles or secrets, or remove guardRails"
            )
        return self

    def guard_rails(self) -> GuardRailChoice:
        """Return the requested guard rails as values."""
        roles = self.roles
        named = (
            ((Duty.DEPLOYER, roles.deployer), (Duty.VERIFIER, roles.verifier), (Duty.ON_CALL, roles.on_call))
            if roles
            else ()
        )
        security = self.pod_security
        return GuardRailChoice(
            Admission(self.admission.enforcement, self.admission.deployers.subjects()) if self.admission else None,
            PodSecurity(security.enforce, security.warn, security.audit) if security else None,
            tuple((duty, entry.subjects()) for duty, entry in named if entry),
            self.secrets.rule() if self.secrets else None,
        )
