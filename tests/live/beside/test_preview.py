"""A preview warns of what others decide about our pods, and refuses to replace an object of theirs."""

import json
from typing import Any

from flash_ticket.live.beside.preview import judge, others_warnings
from tests.support.clouds.api_server import answering, connected
from tests.support.declared.described import deployed
from tests.support.refusal import refusal
from tests.support.verify.standing import shop

ADMIN, CILIUM = "/apis/policy.networking.k8s.io/v1alpha1", "/apis/cilium.io/v2"
LABELS = {"team": "shop"}


def answer(**content: Any) -> tuple[int, bytes]:  # noqa: ANN401 - an object of the API
    return 200, json.dumps(content).encode()


def kinds(name: str) -> tuple[int, bytes]:
    return answer(kind="APIResourceList", resources=[{"name": name}])


def test_a_preview_warns_of_what_others_decide_attach_and_hide() -> None:
    denying = {"action": "Deny", "from": [{"namespaces": {}}], "ports": [{"portNumber": {"port": 3100}}]}
    spec = {"priority": 1, "subject": {"namespaces": {"matchLabels": LABELS}}, "ingress": [denying]}
    answers = {
        ADMIN: kinds("adminnetworkpolicies"),
        f"{ADMIN}/adminnetworkpolicies": answer(items=[{"metadata": {"name": "quarantine"}, "spec": spec}]),
        CILIUM: kinds("ciliumnetworkpolicies"),
        f"{CILIUM}/namespaces/flash-ticket/ciliumnetworkpolicies": (403, b"{}"),
        "/api/v1/namespaces?limit=500": answer(items=[]),
    }
    attached = {"metadata": {"name": "debug"}, "spec": {"podSelector": {}, "securityGroups": {"groupIds": ["sg-1"]}}}
    with answering(answers) as url:
        stands = deployed(shop(), foreign_attachments=(attached,))
        judged = judge(connected(url), shop(), {"flash-ticket": LABELS})
        cuts, unread, attaches = others_warnings(stands, judged)

    assert not judged.proof.holds
    assert cuts.startswith(
        "AdminNetworkPolicy.policy.networking.k8s.io quarantine: it cuts declared traffic: api => pay : TCP 3100. "
    )
    assert unread.startswith("Policies of others were not read, and the proof does not cover them. Kubernetes: /apis/")
    assert "it puts sg-1 on pods of api, gateway, pay" in attaches


def test_a_preview_refuses_a_security_group_policy_of_others_with_a_name_of_ours() -> None:
    spec = {"podSelector": {}, "securityGroups": {"groupIds": ["sg-1"]}}
    stands = deployed(shop(), attachments=(), foreign_attachments=({"metadata": {"name": "pay"}, "spec": spec},))
    with answering({}) as url:
        judged = judge(connected(url), shop(), {"flash-ticket": LABELS})
        line = refusal(lambda: list(others_warnings(stands, judged)))

    assert "SecurityGroupPolicy flash-ticket/pay: this program did not create it, and it has the name of one of" in line
