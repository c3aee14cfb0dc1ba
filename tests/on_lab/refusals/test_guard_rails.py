"""Guard rails on the real API server: what it refuses to each role, with the tokens of real service accounts."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.declare.binding import BINDING_KEY
from lab.running.engine import Engine, Result
from lab.running.firewall_command import Ran, flash_firewall
from lab.running.lab import Lab
from lab.running.program import copy_program
from tests.support.engine.apis import FLOW_REMOVED, NAMESPACE, REPOSITORY, changed_matrix
from tests.support.engine.secrets_tried import BY_HAND, SECRET, TriedSecrets

pytestmark = pytest.mark.engine

ACCOUNTS = ("deployer", "verifier", "night", "nobody")
LAB_USER = "lab"
GUARD_RAILS: dict[str, Any] = {
    "admission": {"enforcement": "warn", "deployers": {"users": [LAB_USER]}},
    "podSecurity": {"enforce": "restricted", "warn": "restricted"},
    "roles": {
        "deployer": {"serviceAccounts": ["default/deployer"]},
        "verifier": {"serviceAccounts": ["default/verifier"]},
        "onCall": {"serviceAccounts": ["default/night"]},
    },
    "secrets": {"from": "sealed", "enforcement": "warn"},
}
POD = """
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: flash-ticket, labels: {app: flash-web}}
spec: {containers: [{name: web, image: registry.example.com/web}]}
"""
OWN_POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: mine, namespace: %s}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
ANYBODY = ("--as", "somebody", "--as-group", "system:masters")
RELABEL = ("label", "pod", "web-0", "--namespace", NAMESPACE, "--overwrite")


@dataclass(frozen=True)
class Guarded:
    """A stack of dev with guard rails.

    Attributes:
        kubeconfigs: The kubeconfigs of the service accounts, by name.
    """

    lab: Lab
    program: Path
    kubeconfigs: Mapping[str, Path]
    labels_before: Mapping[str, str]
    preview: Result
    second: Result

    def kubectl(self, *arguments: str, who: str | None = None, given: str = "") -> Ran:
        own = {"KUBECONFIG": str(self.kubeconfigs[who])} if who else {}
        return subprocess.run(  # noqa: S603 - the lab's kubectl
            [str(self.lab.toolchain.path("kubectl")), *arguments],
            env={**self.lab.env("dev"), **own},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    def engine(self, who: str | None = None) -> Engine:
        own = {"KUBECONFIG": str(self.kubeconfigs[who])} if who else {}
        return Engine(self.lab, "dev", self.program, own)

    def enforce(self, enforcement: str, deployer: str = LAB_USER) -> Result:
        """Deploy with another enforcement."""
        asked = {"enforcement": enforcement, "deployers": {"users": [deployer]}}
        secrets = {"from": "sealed", "enforcement": enforcement}
        _put(self.program, {**GUARD_RAILS, "admission": asked, "secrets": secrets})
        return self.engine().up()

    def wait_for_refusal(self, manifest: str) -> None:
        """Wait until no one may create an object: the API server looks for changed admission policies once a second."""
        end = time.monotonic() + 60
        while self.kubectl("apply", "--dry-run=server", "-f", "-", *ANYBODY, given=manifest).returncode == 0:
            assert time.monotonic() < end, "still allowed after a minute"
            time.sleep(0.5)

    def namespace(self) -> dict[str, str]:
        """Return the labels of the namespace."""
        result = self.kubectl("get", "namespace", NAMESPACE, "-o", "json")
        return dict(json.loads(result.stdout)["metadata"].get("labels", {}))


def _put(program: Path, asked: dict[str, Any]) -> None:
    path = program / "Pulumi.dev.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["config"][BINDING_KEY]["guardRails"] = asked
    path.write_text(yaml.safe_dump(settings, sort_keys=False))


@pytest.fixture(scope="module")
def guarded(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    program = copy_program(REPOSITORY, folder / "shop")
    _put(program, GUARD_RAILS)
    kubeconfigs: dict[str, Path] = {}
    bare = Guarded(lab, program, kubeconfigs, {}, *[None] * 2)  # type: ignore[arg-type]  # only its kubectl is used
    labels = bare.namespace()
    bare.kubectl("apply", "-f", "-", given=POD).check_returncode()
    bare.kubectl("apply", "-f", "-", given=json.dumps(SECRET)).check_returncode()
    for name in ACCOUNTS:
        bare.kubectl("create", "serviceaccount", name, "--namespace", "default").check_returncode()
        token = bare.kubectl("create", "token", name, "--namespace", "default").stdout
        kubeconfig = yaml.safe_load(lab.kubeconfigs["dev"].read_text())
        for user in kubeconfig["users"]:
            user["user"] = {"token": token}
        kubeconfigs[name] = folder / name
        kubeconfigs[name].write_text(yaml.safe_dump(kubeconfig))
        kubeconfigs[name].chmod(0o600)
    engine = Engine(lab, "dev", program)
    preview = engine.preview().checked()
    engine.up().checked()
    found = Guarded(lab, program, kubeconfigs, labels, preview, engine.preview().checked())
    yield found
    if engine.export()["deployment"].get("resources"):  # a single test was chosen
        engine.destroy()
    for name in ACCOUNTS:
        bare.kubectl("delete", "serviceaccount", name, "--namespace", "default")
    bare.kubectl("delete", "secret", BY_HAND, "--namespace", NAMESPACE)
    bare.kubectl("delete", "pod", "web-0", "--namespace", NAMESPACE, "--force", "--grace-period=0")


def test_the_preview_shows_what_pod_security_would_refuse(guarded: Guarded) -> None:
    (warning,) = (each for each in guarded.preview.diagnostics if "Pod Security:" in each)

    assert "violate the new PodSecurity enforce level" in warning
    assert "allowPrivilegeEscalation != false" in warning


def test_the_preview_names_a_secret_that_no_sealed_secret_makes_and_nothing_of_its_content(guarded: Guarded) -> None:
    said = [each for each in guarded.preview.diagnostics if "guardRails.secrets" in each]

    assert any(f"no SealedSecret makes {BY_HAND}. They stay, and who changes their content gets" in x for x in said)
    assert "pl4intext" not in guarded.preview.stdout + guarded.preview.stderr


def test_the_namespace_has_the_levels_and_keeps_its_labels(guarded: Guarded) -> None:
    labels = guarded.namespace()

    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert guarded.labels_before.items() <= labels.items()


def test_a_second_preview_has_nothing_to_change(guarded: Guarded) -> None:
    assert guarded.second.changes == ()


@pytest.mark.parametrize("verb", ["create", "update", "patch", "delete"])
@pytest.mark.parametrize("who", ["verifier", "nobody"])
def test_accounts_without_a_role_for_changes_cannot_change_a_policy(guarded: Guarded, who: str, verb: str) -> None:
    asked = guarded.kubectl("auth", "can-i", verb, "networkpolicies", "--namespace", NAMESPACE, who=who)

    assert asked.stdout.strip() == "no"


CAN: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "yes": (
        ("deployer", "patch", "networkpolicies", NAMESPACE),
        ("deployer", "delete", "securitygrouppolicies.vpcresources.k8s.aws", NAMESPACE),
        ("verifier", "list", "pods", NAMESPACE),
        ("night", "patch", "networkpolicies", NAMESPACE),
    ),
    "no": (
        ("deployer", "create", "networkpolicies", "default"),
        ("deployer", "get", "secrets", NAMESPACE),
        ("deployer", "update", "roles.rbac.authorization.k8s.io", NAMESPACE),
        ("deployer", "delete", "validatingadmissionpolicies.admissionregistration.k8s.io", NAMESPACE),
        ("night", "delete", "networkpolicies", NAMESPACE),
        ("night", "create", "networkpolicies", NAMESPACE),
        ("night", "patch", "securitygrouppolicies.vpcresources.k8s.aws", NAMESPACE),
        ("night", "delete", "pods", NAMESPACE),
        ("verifier", "list", "secrets", NAMESPACE),
    ),
}


@pytest.mark.parametrize(("answer", "asked"), [(answer, each) for answer, cases in CAN.items() for each in cases])
def test_each_role_has_exactly_the_rights_of_its_verbs(
    guarded: Guarded, answer: str, asked: tuple[str, str, str, str]
) -> None:
    who, verb, resource, namespace = asked

    assert guarded.kubectl("auth", "can-i", verb, resource, "--namespace", namespace, who=who).stdout.strip() == answer


def test_the_verifier_role_can_verify(guarded: Guarded) -> None:
    result = _firewall(guarded, "verifier", "verify", "--stack", "dev")

    assert "Traceback" not in result.stderr
    assert result.returncode in {0, 1}, result.stderr


def test_the_on_call_role_can_suspend_and_resume(guarded: Guarded) -> None:
    asked = ("suspend", "04-allow-egress-pay", "--for", "30m", "--reason", "tried", "--stack", "dev")
    opened = _firewall(guarded, "night", *asked)
    closed = _firewall(guarded, "night", "resume", "--all", "--stack", "dev")

    assert (opened.returncode, closed.returncode) == (0, 0), opened.stdout + opened.stderr + closed.stdout


def test_kubectl_accepts_each_rendered_file_and_the_whole_folder(guarded: Guarded, tmp_path: Path) -> None:
    out = _rendered(guarded, tmp_path / "out")
    manifests = sorted(out.glob("*.yaml"))
    ways = [("-f", str(path)) for path in (*manifests, out)] + [("-k", str(out))]
    tried = [guarded.kubectl("apply", f"--dry-run={side}", *way) for side in ("client", "server") for way in ways]

    assert [each.stderr for each in tried if each.returncode] == []
    assert {path.name for path in manifests} >= {"00-default-deny.yaml", "guard_rails.yaml"}
    assert all(f"/{name} " in tried[-1].stdout for name in ("00-default-deny", "api", "flash-ticket-firewall-pods"))


def test_admission_warns_first_and_refuses_then(guarded: Guarded) -> None:
    policy = OWN_POLICY % NAMESPACE
    warned = guarded.kubectl("apply", "--dry-run=server", "-f", "-", *ANYBODY, given=policy)
    guarded.enforce("deny").checked()
    guarded.wait_for_refusal(policy)
    denied = guarded.kubectl("apply", "-f", "-", *ANYBODY, given=policy)
    elsewhere = guarded.kubectl(
        "apply",
        "--dry-run=server",
        "-f",
        "-",
        *ANYBODY,
        given=OWN_POLICY % "default",
    )
    gone = guarded.kubectl(
        "delete",
        "networkpolicy",
        "00-default-deny",
        "--namespace",
        NAMESPACE,
        *ANYBODY,
    )
    finalized, widened = (
        guarded.kubectl(
            "patch", "networkpolicy", "00-default-deny", "--namespace", NAMESPACE, *ANYBODY, "--patch", patch
        )
        for patch in (
            '{"metadata": {"finalizers": ["networking.k8s.aws/resources"]}}',
            '{"spec": {"ingress": [{}]}}',
        )
    )
    guarded.kubectl(
        "patch",
        "networkpolicy",
        "00-default-deny",
        "--namespace",
        NAMESPACE,
        "--patch",
        '{"metadata": {"finalizers": []}}',
        "--type=merge",
    )
    relabelled, other = (guarded.kubectl(*RELABEL, label) for label in ("app=flash-api", "app=flash-other"))

    assert warned.returncode == 0
    assert "Warning" in warned.stderr
    assert "edit traffic.yaml and deploy it" in warned.stderr
    assert denied.returncode != 0
    assert "only the deployers of the firewall" in denied.stderr
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert gone.returncode != 0
    assert finalized.returncode == 0, finalized.stderr
    assert widened.returncode != 0
    assert relabelled.returncode != 0
    assert "a running pod cannot become api" in relabelled.stderr
    assert other.returncode == 0, other.stderr


def test_under_deny_only_the_controller_writes_secrets(guarded: Guarded) -> None:
    """This test needs the one before, which raises the enforcement to deny."""
    tried = TriedSecrets(guarded.kubectl)
    refused, admitted = tried.refused(), tried.admitted()

    assert [name for name, ran in refused.items() if ran.returncode == 0] == []
    assert all("come only from SealedSecrets: seal this one with" in ran.stderr for ran in refused.values())
    assert {name: ran.stderr for name, ran in admitted.items() if ran.returncode} == {}


def test_under_deny_the_deployer_role_is_sufficient_to_change_the_firewall(guarded: Guarded) -> None:
    (guarded.program / "traffic.yaml").write_text(changed_matrix(FLOW_REMOVED)["traffic.yaml"])
    changed = guarded.engine("deployer").up()

    changed.checked()
    assert "firewall-policies-04-allow-egress-pay" in changed.having("update")


def test_locking_oneself_out_is_refused_before_anything_changes(guarded: Guarded) -> None:
    refused = guarded.enforce("deny", "somebody-else")
    _put(guarded.program, GUARD_RAILS)

    assert refused.code != 0
    assert refused.changes == ()
    assert "guardRails.admission.deployers: you are lab, of the groups" in refused.stdout + refused.stderr


def test_the_pod_layer_passes_to_rendered_files_and_back_without_a_deletion(guarded: Guarded, tmp_path: Path) -> None:
    before = _policies(guarded)
    _put_owner(guarded.program, "rendered")
    marked = guarded.engine().up()
    out = _rendered(guarded, tmp_path / "out")
    applied = guarded.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(out))
    forgotten, again = guarded.engine().up(), guarded.engine().preview()
    verified = _firewall(guarded, "verifier", "verify", "--stack", "dev", "--output", "json")
    suspended = _firewall(guarded, "night", "suspend", "--all", "--for=5m", "--reason=x", "--yes", "--stack=dev")
    during = _policies(guarded)
    _put_owner(guarded.program, "pulumi")
    back = guarded.engine().up()

    assert (marked.code, forgotten.code, back.code, applied.returncode) == (0, 0, 0, 0), applied.stderr
    assert any("the next one forgets them without deleting them" in each for each in marked.diagnostics)
    assert again.changes == ()
    assert all(path.suffix != ".yaml" or path.name.removesuffix(".yaml") in before for path in out.iterdir())
    assert before == during == _policies(guarded)
    assert "NetworkPolicy" not in verified.stdout, verified.stdout
    assert "Revert the commit of the rendered files" in suspended.stderr
    assert f"firewall-policies-{min(before)}" in back.having("create")


def test_destroy_leaves_the_namespace_as_it_was(guarded: Guarded) -> None:
    guarded.engine().destroy().checked()
    left = guarded.kubectl("get", "validatingadmissionpolicies,clusterroles", "-o", "name").stdout

    assert guarded.namespace() == dict(guarded.labels_before)
    assert "flash-ticket" not in left


def _firewall(guarded: Guarded, who: str, *arguments: str) -> Ran:
    return flash_firewall(guarded.lab, "dev", guarded.program, *arguments, KUBECONFIG=str(guarded.kubeconfigs[who]))


def _rendered(guarded: Guarded, out: Path) -> Path:
    ran = flash_firewall(guarded.lab, "dev", guarded.program, "render", "--stack", "dev", "--out", str(out))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return out


def _policies(guarded: Guarded) -> dict[str, str]:
    """Return the id of each NetworkPolicy, which a deletion and a new creation change."""
    listed = guarded.kubectl("get", "networkpolicies", "--namespace", NAMESPACE, "-o", "json").stdout
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in json.loads(listed)["items"]}


def _put_owner(program: Path, owner: str) -> None:
    path = program / "Pulumi.dev.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["config"][BINDING_KEY]["cluster"]["podLayer"] = owner
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
