"""Which object is in which file, in which order, and what is left out."""

from dataclasses import replace

import pytest

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.pod_layer import NetworkPolicy, PodFirewall
from flash_ticket.firewall.compile.rendered import LAST_WAVE, RenderedManifests, rendered_manifests
from flash_ticket.firewall.declare.choices import PodLayerOwner
from flash_ticket.firewall.declare.sections.guard_rails import GuardRailsEntry
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.verify.standing import shop

SHOP = shop()
GROUPS = {group.label: f"sg-{group.label}" for group in SHOP.vpc.groups}
POLICY_FILES = [f"{policy.name}.yaml" for policy in SHOP.pods.policies]


def rendered(environment: Environment = SHOP.environment, groups: dict[str, str] = GROUPS) -> RenderedManifests:
    return rendered_manifests(SHOP.matrix, environment, SHOP.pods, SHOP.vpc, groups)


def guarded() -> Environment:
    asked = GuardRailsEntry.model_validate(
        {
            "admission": {"enforcement": "deny", "deployers": {"users": ["ci"]}},
            "podSecurity": {"enforce": "restricted"},
            "roles": {"verifier": {"users": ["someone"]}},
        }
    )
    return replace(SHOP.environment, guard_rails=asked.guard_rails())


def test_every_policy_has_a_file_of_its_name_with_what_is_deployed() -> None:
    found = {each.name: each.objects for each in rendered().files}

    assert [name for name in found if name in POLICY_FILES] == POLICY_FILES
    for policy in SHOP.pods.allows:
        assert found[f"{policy.name}.yaml"] == (policy.manifest(),)


def test_default_deny_comes_after_all_that_allows_also_for_argo_cd() -> None:
    files = rendered(guarded()).files
    names = [each.name for each in files]
    (denial,) = files[names.index("00-default-deny.yaml")].objects

    assert names[-2:] == ["00-default-deny.yaml", "guard_rails.yaml"]
    assert LAST_WAVE.items() <= denial["metadata"]["annotations"].items()
    assert denial["spec"] == SHOP.pods.default_deny.manifest()["spec"]


def test_the_pods_get_the_groups_that_exist() -> None:
    (attachments,) = (each.objects for each in rendered().files if each.name == "security_group_policies.yaml")

    assert [(each["metadata"]["name"], each["spec"]["securityGroups"]) for each in attachments] == [
        (name, {"groupIds": [f"sg-{name}", "sg-pods.flash-ticket"]}) for name in ("api", "gateway", "pay")
    ]


def test_a_group_that_does_not_exist_yet_is_named_and_never_made_up() -> None:
    found = rendered(groups={"api": "sg-1", "alb": "sg-2", "pods.flash-ticket": "sg-3"})
    (attachments,) = (each.objects for each in found.files if each.name == "security_group_policies.yaml")
    (notice,) = found.left_out

    assert [each["metadata"]["name"] for each in attachments] == ["api"]
    assert "those of gateway, pay are left out" in str(notice)
    assert "pulumi up --stack dev" in str(notice)


def test_without_the_group_of_all_pods_no_pod_gets_groups() -> None:
    found = rendered(groups={name: "sg-1" for name in GROUPS if name != "pods.flash-ticket"})

    assert "security_group_policies.yaml" not in {each.name for each in found.files}
    assert "those of api, gateway, pay are left out" in str(found.left_out[0])


def test_the_guard_rails_are_rendered_but_for_the_labels_of_the_namespace() -> None:
    found = rendered(guarded())
    (objects,) = (each.objects for each in found.files if each.name == "guard_rails.yaml")
    (notice,) = found.left_out

    assert {each["kind"] for each in objects} == {
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
    assert "kubectl label namespace flash-ticket pod-security.kubernetes.io/enforce=restricted" in str(notice)


def test_with_a_rendered_pod_layer_the_files_hold_only_what_pulumi_does_not_make() -> None:
    bound = guarded()
    environment = replace(bound, cluster=replace(bound.cluster, pod_layer=PodLayerOwner.RENDERED))
    found = rendered(environment)

    assert [each.name for each in found.files] == POLICY_FILES
    assert found.left_out == ()


def test_a_policy_with_the_name_of_kustomizes_own_file_is_refused() -> None:
    first, *others = SHOP.pods.allows
    pods = PodFirewall((_named(first, "kustomization"), *others), SHOP.pods.default_deny)

    with pytest.raises(InputError, match="kustomize reads that file itself"):
        rendered_manifests(SHOP.matrix, SHOP.environment, pods, SHOP.vpc, GROUPS)


def _named(policy: NetworkPolicy, name: str) -> NetworkPolicy:
    return replace(policy, name=name)
