"""``learn --dir``: a draft of traffic.yaml from a folder of NetworkPolicies, without a project."""

from pathlib import Path

import pytest

from flash_ticket.firewall.declare.traffic_file import read_matrix
from tests.support.command.flash_firewall import run

FOLDER = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-web-from-lb, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/24}}], ports: [{port: 80}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web-out, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress: [{ports: [{port: 6379}]}, {to: [{ipBlock: {cidr: 192.0.2.7/32}}]}]
"""

DRAFT = """\
# DRAFT from the NetworkPolicies in {folder}: review it line by line before anybody deploys it.
# It declares what they allow, wanted or not. What it leaves out, and which connections differ, is at the end.
#
namespace: shop

services:
  web: {{pods: {{app: web}}, ports: [80], policies: {{ingress: allow-web-from-lb, egress: web-out}}}}

# Outside the namespace; Pulumi.<stack>.yaml gives the places of those without a namespace.
externals:
  lb: {{}} # 10.0.0.0-10.0.0.255
  redis: {{ports: [6379]}} # the folder says anywhere: bind the addresses that are meant

flows:
  - {{from: lb, to: web}} # allow-web-from-lb
  - {{from: web, to: redis}} # web-out
#
# Not in this draft (1):
#   {folder}/all.yaml: web-out: it allows every port, and a flow names its ports. Declare the ports that are meant.
#
# Policies whose names the draft keeps (2). The first deployment takes them over in place, if
# Pulumi.<stack>.yaml says so in the binding:
#   adopt: {{policies: [allow-web-from-lb, web-out]}}
#
# Policies whose names the draft does not keep (1). They stay beside the new ones, and allow
# what they allow. Delete them after the first deployment, when declared traffic still passes:
#   deny: 00-default-deny denies what it denies
#   kubectl delete networkpolicy --namespace shop deny
#
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "networkpolicy").mkdir()
    (tmp_path / "networkpolicy" / "all.yaml").write_text(FOLDER)
    return tmp_path / "networkpolicy"


def test_the_draft_says_where_each_line_is_from_what_is_missing_and_what_differs(folder: Path) -> None:
    result = run("learn", "--dir", folder)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(DRAFT.format(folder=folder))
    assert result.stdout.removeprefix(DRAFT.format(folder=folder)).splitlines() == [
        "# Connections that differ between the folder and the policies of this draft (3).",
        "# What is removed, the folder allows and the draft does not:",
        "#   changed  shop/web[Pods] => 192.0.2.7-192.0.2.7[External] : All Connections -> TCP 6379",
        "#   removed  shop/web[Pods] => another-namespace/any-pod[Pods] : TCP 6379",
        "#   changed  shop/web[Pods] => kube-system/kube-dns[Pods] : TCP 6379 -> TCP 53,UDP 53",
    ]


def test_the_draft_is_a_traffic_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "traffic.yaml").write_text(run("learn", "--dir", folder).stdout)

    assert [each.name for each in read_matrix(tmp_path / "traffic.yaml").externals] == ["lb", "redis"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "1h"), "--dir: --since: a folder of policies and recorded traffic are two drafts. Leave one out."),
        (("x.log",), "--dir: SOURCE: a folder of policies and recorded traffic are two drafts. Leave one out."),
        (("--inventory", "i.json"), "--dir: --inventory: a folder of policies and recorded traffic are two drafts."),
    ],
)
def test_recorded_traffic_beside_a_folder_is_one_error(arguments: tuple[str, ...], said: str, folder: Path) -> None:
    result = run("learn", "--dir", folder, *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n", "these manifests hold no NetworkPolicy"),
        ("a: [", "all.yaml: line 2, column 1: this is not YAML"),
        (FOLDER.replace("cidr: 10.0.0.0/24", "cidr: here"), "'here' is not a CIDR"),
        (FOLDER.replace("namespace: shop", "namespace: Shop"), "namespace: 'Shop' is not a name"),
        (FOLDER.replace("app: web", "app: 'w e b'"), "services.w-e-b.pods: the label app has the value 'w e b'"),
    ],
)
def test_a_folder_that_cannot_be_drafted_is_one_error(content: str, said: str, folder: Path) -> None:
    (folder / "all.yaml").write_text(content)
    result = run("learn", "--dir", folder)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
