"""Guard rails are compiled from the binding and the matrix, and only those that the binding requests."""

from dataclasses import replace
from typing import Any

import pytest
from kubernetes import client

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.guard_rails.guard import CompiledGuardRails, compile_guard_rails
from flash_ticket.firewall.compile.guard_rails.rights import VERIFY_KUBERNETES
from flash_ticket.firewall.compile.guard_rails.role import rights_of
from flash_ticket.firewall.declare.choices import PodLayerOwner
from flash_ticket.firewall.declare.sections.guard_rails import Duty, Enforcement, Subject, SubjectKind
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.declared.accounts import binding_content, environment_of, shop_matrix
from tests.support.declared.stacks import two_namespaces

EVERYTHING: dict[str, Any] = {
    "admission": {"enforcement": "deny", "deployers": {"users": ["ci"], "groups": ["platform"]}},
    "podSecurity": {"enforce": "baseline", "warn": "restricted"},
    "roles": {
        "deployer": {"serviceAccounts": ["ci/deployer"]},
        "verifier": {"users": ["monitor@example.com"]},
        "onCall": {"groups": ["on-call"]},
    },
    "secrets": "sealed",
}


def guarded(**asked: Any) -> Environment:  # noqa: ANN401 - parsed YAML has any shape
    return environment_of("dev", {**binding_content("dev"), "guardRails": asked})


def guard(**asked: Any) -> CompiledGuardRails:  # noqa: ANN401 - likewise
    return compile_guard_rails(shop_matrix(), guarded(**asked))


def test_there_are_no_guard_rails_by_default() -> None:
    assert not compile_guard_rails(shop_matrix(), environment_of("dev"))


@pytest.mark.parametrize("key", EVERYTHING)
def test_each_guard_rail_can_be_requested_alone(key: str) -> None:
    made = guard(**{key: EVERYTHING[key]})

    assert [bool(made.admission), bool(made.labels), bool(made.roles)] == [
        key in keys for keys in (("admission", "secrets"), ("podSecurity",), ("roles",))
    ]


@pytest.mark.parametrize(
    ("enforcement", "actions"), [("audit", ["Audit"]), ("warn", ["Warn", "Audit"]), ("deny", ["Deny", "Audit"])]
)
def test_admission_is_raised_step_by_step(enforcement: str, actions: list[str]) -> None:
    made = guard(admission={**EVERYTHING["admission"], "enforcement": enforcement})

    assert [policy.binding["validationActions"] for policy in made.admission] == [actions, actions]


@pytest.mark.parametrize(
    ("asked", "actions"),
    [
        ("sealed", ["Deny", "Audit"]),
        ({"from": "sealed", "enforcement": "warn"}, ["Warn", "Audit"]),
        ({"from": "sealed", "enforcement": "audit"}, ["Audit"]),
    ],
)
def test_the_guard_rail_for_secrets_denies_unless_the_binding_says_less(asked: Any, actions: list[str]) -> None:  # noqa: ANN401 - parsed YAML has any shape
    (made,) = guard(secrets=asked).admission

    assert (made.name, made.binding["validationActions"]) == ("flash-ticket-firewall-secrets", actions)
    assert made.spec["matchConstraints"]["resourceRules"][0]["operations"] == ["CREATE", "UPDATE"]


def test_the_guard_rail_for_secrets_knows_its_controller_and_types() -> None:
    asked = {"from": "sealed", "controller": "ops/sealed-secrets", "types": ["kubernetes.io/tls"]}
    (expression,) = (each["expression"] for each in guard(secrets=asked).admission[0].spec["validations"])

    assert 'request.userInfo.username == "system:serviceaccount:ops:sealed-secrets" && ' in expression
    assert 'object.type in ["kubernetes.io/tls"]' in expression
    assert "helm" not in expression


def test_admission_applies_only_to_the_firewalls_namespace() -> None:
    for policy in guard(**EVERYTHING).admission:
        assert policy.binding["matchResources"] == {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "flash-ticket"}}
        }


def test_deployers_and_those_on_call_may_change_policies_and_verifiers_may_not() -> None:
    (expression,) = (each["expression"] for each in guard(**EVERYTHING).admission[0].spec["validations"])

    assert '"system:serviceaccount:ci:deployer"' in expression
    assert 'group in ["on-call", "platform"]' in expression
    assert "monitor@example.com" not in expression


def test_the_guard_rails_have_the_types_of_the_kubernetes_api() -> None:
    made = guard(**EVERYTHING)
    for policy in made.admission:
        manifest, binding = policy.manifests()
        assert client.V1ValidatingAdmissionPolicy.model_validate(manifest, strict=True)
        assert client.V1ValidatingAdmissionPolicyBinding.model_validate(binding, strict=True)
    for role in made.roles:
        assert client.V1Role.model_validate({"metadata": role.metadata, "rules": role.rules}, strict=True)


def test_a_verifier_has_exactly_the_rights_that_verification_needs() -> None:
    assert tuple(rights_of(Duty.VERIFIER, guarded(**EVERYTHING))) == VERIFY_KUBERNETES


@pytest.mark.parametrize("duty", Duty)
def test_no_duty_has_a_wildcard_secrets_or_the_right_to_grant_rights(duty: Duty) -> None:
    for right in rights_of(duty, guarded(**EVERYTHING)):
        assert "*" not in {right.group, right.resource, *right.verbs}
        assert right.resource != "secrets"
        assert not {"bind", "escalate", "impersonate"} & set(right.verbs)
        if right.group == "rbac.authorization.k8s.io":
            assert right.verbs == ("get",)


@pytest.mark.parametrize(
    ("subject", "user", "groups", "included"),
    [
        (Subject(SubjectKind.USER, "ci"), "ci", (), True),
        (Subject(SubjectKind.USER, "ci"), "x", ("ci",), False),
        (Subject(SubjectKind.GROUP, "g"), "g", (), False),
        (Subject(SubjectKind.GROUP, "g"), "x", ("a", "g"), True),
        (Subject(SubjectKind.SERVICE_ACCOUNT, "d", "ci"), "system:serviceaccount:ci:d", (), True),
        (Subject(SubjectKind.SERVICE_ACCOUNT, "d", "ci"), "d", (), False),
    ],
)
def test_a_subject_matches_the_user_or_group_of_a_request(
    subject: Subject, user: str, groups: tuple[str, ...], *, included: bool
) -> None:
    assert subject.includes(user, groups) is included


KEY = "flash-ticket-firewall:binding.guardRails"
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "guardRails: no guard rail is requested"),
    "no subject": ({"roles": {"verifier": {}}}, "guardRails.roles.verifier: it names no one"),
    "no level": ({"podSecurity": {}}, "guardRails.podSecurity: no mode is set"),
    "an unknown level": ({"podSecurity": {"warn": "strict"}}, "guardRails.podSecurity.warn: 'strict' is not known"),
    "a quote in a name": (
        {"admission": {"enforcement": "warn", "deployers": {"users": ['a" || true || "']}}},
        "guardRails.admission.deployers.users[0]:",
    ),
    "an account without a namespace": (
        {"roles": {"onCall": {"serviceAccounts": ["deployer"]}}},
        "guardRails.roles.onCall.serviceAccounts[0]: 'deployer' is not a service account. Write namespace/name",
    ),
    "an unknown enforcement": (
        {"admission": {"enforcement": "block", "deployers": {"users": ["a"]}}},
        "guardRails.admission.enforcement: 'block' is not known here",
    ),
    "an unknown origin of Secrets": ({"secrets": "vault"}, "guardRails.secrets.from: 'vault' is not known here"),
    "nothing about Secrets": ({"secrets": None}, "guardRails.secrets: nothing is written here"),
    "no origin of Secrets": ({"secrets": {"enforcement": "warn"}}, "guardRails.secrets.from: this key is missing"),
    "every Secret": (
        {"secrets": {"from": "sealed", "types": ["kubernetes.io/tls", "Opaque"]}},
        "guardRails.secrets.types[1]: Opaque is the type of ordinary Secrets, so the guard rail would admit every",
    ),
    "a quote in a type": (
        {"secrets": {"from": "sealed", "types": ['x"] || ["']}},
        "guardRails.secrets.types[0]:",
    ),
    "a controller without a namespace": (
        {"secrets": {"from": "sealed", "controller": "sealed-secrets"}},
        "guardRails.secrets.controller: 'sealed-secrets' is not a service account. Write namespace/name",
    ),
}


@pytest.mark.parametrize("case", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_reported_with_key_and_remedy(case: tuple[dict[str, Any], str]) -> None:
    with pytest.raises(InputError) as error:
        guarded(**case[0])

    assert str(error.value).startswith(f"Pulumi.dev.yaml: flash-ticket-firewall:binding.{case[1]}")


def test_pod_security_levels_become_labels() -> None:
    assert guard(podSecurity={"enforce": "restricted"}).labels == (
        ("pod-security.kubernetes.io/enforce", "restricted"),
    )
    assert [*Enforcement] == ["audit", "warn", "deny"]


def test_those_on_call_may_not_change_policies_that_are_applied_from_git() -> None:
    own = guarded(**EVERYTHING)
    rendered = replace(own, cluster=replace(own.cluster, pod_layer=PodLayerOwner.RENDERED))
    lost = set(rights_of(Duty.ON_CALL, own)) - set(rights_of(Duty.ON_CALL, rendered))

    assert [(each.resource, each.verbs) for each in lost] == [("networkpolicies", ("get", "patch"))]


def test_each_namespace_has_guard_rails_of_its_own() -> None:
    matrix, environment = two_namespaces()
    made = compile_guard_rails(matrix, replace(environment, guard_rails=guarded(**EVERYTHING).guard_rails))
    selected = {
        each.name: each.binding["matchResources"]["namespaceSelector"]["matchLabels"] for each in made.admission
    }
    pods = {each.name: len(each.spec["validations"]) for each in made.admission if each.name.endswith("-pods")}
    roles = [(each.metadata.get("namespace"), each.name) for each in made.roles]

    assert selected == {
        f"{namespace}-firewall-{what}": {"kubernetes.io/metadata.name": namespace}
        for namespace in ("flash-ticket", "monitoring")
        for what in ("policies", "pods", "secrets")
    }
    assert pods == {"flash-ticket-firewall-pods": 3, "monitoring-firewall-pods": 1}
    assert made.further == ("monitoring",)
    for namespace in ("flash-ticket", "monitoring", None):
        assert (namespace, "flash-ticket-firewall-deployer") in roles
    assert len(set(roles)) == len(roles)
