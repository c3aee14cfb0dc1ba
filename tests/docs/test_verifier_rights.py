"""The documented rights for verify are the ones in the program, and every one only reads."""

import json
from typing import Any

import yaml

from flash_ticket.firewall.compile.guard_rails.rights import (
    CNI_KUBERNETES,
    DNS_KUBERNETES,
    EPHEMERAL_PROBE_KUBERNETES,
    PROBE_KUBERNETES,
    VERIFY_KUBERNETES,
    AwsRight,
    Reach,
    rules,
    verify_aws,
)
from tests.support.declared.accounts import ROOT

DOCS = ROOT / "docs"


def policy_document(rights: tuple[AwsRight, ...]) -> dict[str, Any]:
    """Return the IAM policy that grants exactly these rights, with one statement for each resource."""
    resources = dict.fromkeys(right.resource for right in rights)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [right.action for right in rights if right.resource == resource],
                "Resource": resource,
            }
            for resource in resources
        ],
    }


def roles() -> dict[tuple[str, str], list[dict[str, Any]]]:
    documents = yaml.safe_load_all((DOCS / "verifier-rbac.yaml").read_text(encoding="utf-8"))
    return {(each["kind"], each["metadata"]["name"]): each["rules"] for each in documents if "rules" in each}


def test_the_roles_grant_exactly_what_verify_needs() -> None:
    assert roles() == {
        ("Role", "flash-firewall-verifier"): rules(VERIFY_KUBERNETES, Reach.NAMESPACE),
        ("ClusterRole", "flash-firewall-verifier"): rules(VERIFY_KUBERNETES, Reach.CLUSTER),
        ("Role", "flash-firewall-dns-reader"): rules(DNS_KUBERNETES, Reach.NAMESPACE),
        ("Role", "flash-firewall-cni-reader"): rules(CNI_KUBERNETES, Reach.NAMESPACE),
        ("Role", "flash-firewall-prober"): rules(PROBE_KUBERNETES, Reach.NAMESPACE),
        ("Role", "flash-firewall-image-prober"): rules(EPHEMERAL_PROBE_KUBERNETES, Reach.NAMESPACE),
    }


def test_the_iam_policy_grants_exactly_what_verify_needs() -> None:
    documented = json.loads((DOCS / "verifier-iam.json").read_text(encoding="utf-8"))

    assert documented == policy_document(verify_aws("aws", "flash-ticket", "prod"))


def test_verify_gets_only_rights_to_read() -> None:
    assert {verb for right in (*VERIFY_KUBERNETES, *CNI_KUBERNETES) for verb in right.verbs} <= {"get", "list"}
    actions = [right.action.partition(":")[2] for right in verify_aws("aws", "flash-ticket", "prod")]
    assert all(action.startswith(("Describe", "Get", "List")) for action in actions)


def test_the_cron_job_uses_the_documented_account_and_holds_no_secret() -> None:
    job, settings = yaml.safe_load_all((DOCS / "verifier-cronjob.yaml").read_text(encoding="utf-8"))
    kubeconfig = yaml.safe_load(settings["data"]["kubeconfig"])

    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (account,) = (
        each["metadata"]
        for each in yaml.safe_load_all((DOCS / "verifier-rbac.yaml").read_text(encoding="utf-8"))
        if each["kind"] == "ServiceAccount"
    )
    assert pod["serviceAccountName"] == account["name"]
    assert job["metadata"]["namespace"] == account["namespace"]
    assert "--quiet" in pod["containers"][0]["command"]
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert "@sha256:" in container["image"]
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}
    (identity,) = (each for each in pod["volumes"] if each["name"] == "identity")
    (token,) = (
        each["serviceAccountToken"] for each in identity["projected"]["sources"] if "serviceAccountToken" in each
    )
    assert (token["path"], token["expirationSeconds"]) == ("token", 3600)
    assert [user["user"] for user in kubeconfig["users"]] == [
        {"tokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"}
    ]
