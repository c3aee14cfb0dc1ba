"""The plan of a probe follows from the matrix alone, and a result never claims more than the outcomes show."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.declare.matrix import Flow, Matrix
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.ports import PortRange, Protocol, tcp, udp
from flash_ticket.report.verification import plan_text, probe_document, probe_text
from flash_ticket.traffic.attribution.inventory import Interface
from flash_ticket.verify.probe.check import Check, CheckVerdict, Expectation, TriedCheck
from flash_ticket.verify.probe.judgement import Enforcer, knowledge
from flash_ticket.verify.probe.plan import ProbePlan, RunningPod, named_hosts, plan, running_pods
from flash_ticket.verify.probe.result import ProbeOutput, probe_result
from flash_ticket.verify.probe.script import ProbeOutcome
from tests.support.declared.accounts import environment_of, shop_matrix

PODS = tuple(
    RunningPod(service, f"{service}-0", "main", f"10.10.10.{number}")
    for number, service in enumerate(("api", "gateway", "pay"), 1)
)
INTERFACES = tuple(
    Interface(f"eni-{name}", (f"10.10.20.{number}",), (f"sg-dev-{name}",))
    for number, name in enumerate(("database", "rabbitmq", "redis"), 1)
)


def planned(matrix: Matrix | None = None, **given: Any) -> ProbePlan:  # noqa: ANN401 - the arguments of plan
    arguments = {"pods": PODS, "interfaces": INTERFACES, "named": {}, **given}
    return plan(matrix or shop_matrix(), environment_of("dev"), **arguments)


def connections(planned: ProbePlan, expected: Expectation) -> set[str]:
    return {str(each) for each in planned.checks if each.expected is expected}


def said(planned: ProbePlan, outcome_of: Any) -> dict[RunningPod, ProbeOutput]:  # noqa: ANN401 - a function of a check
    """Return what the pods print if each connection has the outcome that a function of its check returns.

    Each pod connects to itself.
    """
    return {
        pod: ProbeOutput(
            "".join(
                f"{number} {outcome}\n"
                for number, outcome in enumerate(
                    (
                        *(outcome_of(each) for each in planned.of(pod) for _ in each.hosts),
                        *(ProbeOutcome.CONNECTED for _ in planned.own(pod)),
                    )
                )
            )
        )
        for pod in planned.pods
    }


def as_declared(check: Check) -> ProbeOutcome:
    return ProbeOutcome.CONNECTED if check.expected is Expectation.CONNECTS else ProbeOutcome.TIMED_OUT


def described(name: str, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "main"}, {"name": "beside"}]},
        "status": {"phase": "Running", "podIP": "10.10.10.9"},
    }


def test_the_shop_probes_its_declared_flows_and_every_other_pair() -> None:
    found = planned()

    assert connections(found, Expectation.CONNECTS) == {
        "gateway => api : TCP 4000",
        "api => pay : TCP 3100",
        *(f"{each} => rabbitmq : TCP 5672" for each in ("api", "pay")),
        *(f"{each} => redis : TCP 6379" for each in ("api", "pay")),
        *(f"{each} => database : TCP {port}" for each in ("api", "pay") for port in (3306, 5432)),
    }
    assert connections(found, Expectation.BLOCKED) == {
        "api => gateway : TCP 3000",
        "pay => gateway : TCP 3000",
        "pay => api : TCP 4000",
        "gateway => pay : TCP 3100",
        "gateway => rabbitmq : TCP 5672",
        "gateway => redis : TCP 6379",
        "gateway => database : TCP 3306",
        "gateway => database : TCP 5432",
    }
    assert all(each.hosts for each in found.checks)


def test_a_pod_tries_another_pod_of_its_service_and_not_itself() -> None:
    shop, second = shop_matrix(), replace(PODS[0], name="api-1", address="10.10.10.9")
    matrix = replace(shop, flows=(*shop.flows, Flow("api", "api", (tcp(4000),))))
    for pods, hosts in (((*PODS, second), ("10.10.10.9",)), (PODS, ())):
        (check,) = (each for each in planned(matrix, pods=pods).checks if each.source == each.target)
        assert (str(check), check.expected, check.hosts) == ("api => api : TCP 4000", Expectation.CONNECTS, hosts)


def test_a_probe_with_the_declared_outcomes_holds() -> None:
    found = planned()
    probe = probe_result(found, said(found, as_declared))

    assert probe.holds
    assert (
        "HOLDS  gateway => pay : TCP 3100  must not connect: "
        "10.10.10.3 timed-out: dropped without an answer (api connects to it)\n"
    ) in probe_text(probe)
    assert "10.10.10.2 timed-out: dropped without an answer (its own pod connects to it)\n" in probe_text(probe)
    assert probe_text(probe).endswith("probe of flash-ticket: 18 checks, 18 hold, 0 not run, 0 violated.\n")


@given(st.data())
def test_only_the_connection_with_a_wrong_outcome_is_violated(data: st.DataObject) -> None:
    found = planned()
    odd = data.draw(st.sampled_from(found.checks))
    wrong = {
        Expectation.CONNECTS: (ProbeOutcome.REFUSED, ProbeOutcome.TIMED_OUT, ProbeOutcome.UNREACHABLE),
        Expectation.BLOCKED: (ProbeOutcome.CONNECTED,),
    }
    outcome = data.draw(st.sampled_from(wrong[odd.expected]))
    probe = probe_result(found, said(found, lambda check: outcome if check == odd else as_declared(check)))

    assert [each.check for each in probe.checked if each.verdict is CheckVerdict.VIOLATED] == [odd]
    assert [each.check for each in probe.checked if each.verdict is not CheckVerdict.HOLDS] == [odd]
    assert not probe.holds
    assert probe_text(probe).startswith(f"VIOLATED  {odd}")


@given(st.sampled_from([ProbeOutcome.UNKNOWN, ProbeOutcome.UNRESOLVED, ProbeOutcome.NO_TOOL]))
def test_an_outcome_that_shows_nothing_never_holds(outcome: ProbeOutcome) -> None:
    found = planned()

    assert {each.verdict for each in probe_result(found, said(found, lambda _: outcome)).checked} == {
        CheckVerdict.NOT_RUN
    }


def test_a_refusal_of_the_cluster_is_the_problem_of_each_check() -> None:
    found = planned()
    probe = probe_result(found, {pod: ProbeOutput("", "this identity may not: pods/exec") for pod in PODS})

    assert {(each.verdict, each.problem) for each in probe.checked} == {
        (CheckVerdict.NOT_RUN, "this identity may not: pods/exec")
    }


def test_a_check_without_a_known_address_is_not_run_and_says_what_to_name() -> None:
    found = planned(interfaces=())
    probe = probe_result(found, said(found, as_declared))
    (redis,) = [each for each in probe.checked if str(each.check) == "api => redis : TCP 6379"]

    assert redis.verdict is CheckVerdict.NOT_RUN
    assert redis.problem == "no address of redis is known: name one with --probe-host redis=HOST"
    assert planned(interfaces=(), named={"redis": ("redis.example",)}).checks[4].hosts == ("redis.example",)


def test_checks_from_and_to_a_service_without_a_pod_are_not_run() -> None:
    found = planned(pods=PODS[:2])
    probe = probe_result(found, said(found, as_declared))
    problems = {str(each.check): each.problem for each in probe.checked if each.verdict is CheckVerdict.NOT_RUN}

    assert problems["pay => redis : TCP 6379"] == "no pod of pay runs"
    assert problems["api => pay : TCP 3100"] == "no pod of pay runs"
    assert not probe.holds


def tried(check: Check, *outcomes: ProbeOutcome) -> CheckVerdict:
    known = knowledge(Enforcer.DROPS, {}, {})
    hosts = zip(check.hosts, outcomes, strict=True)
    return TriedCheck(check, tuple(known.seen(host, check.port, outcome) for host, outcome in hosts)).verdict


def test_one_of_several_hosts_must_answer_a_declared_flow_and_none_an_undeclared_one() -> None:
    hosts = ("10.0.0.1", "10.0.0.2")
    declared = Check("api", "redis", tcp(6379), 6379, Expectation.CONNECTS, hosts)
    undeclared = replace(declared, expected=Expectation.BLOCKED)

    assert tried(declared, ProbeOutcome.TIMED_OUT, ProbeOutcome.CONNECTED) is CheckVerdict.HOLDS
    assert tried(undeclared, ProbeOutcome.TIMED_OUT, ProbeOutcome.CONNECTED) is CheckVerdict.VIOLATED
    assert tried(undeclared, ProbeOutcome.TIMED_OUT, ProbeOutcome.REFUSED) is CheckVerdict.VIOLATED
    assert tried(undeclared, ProbeOutcome.TIMED_OUT, ProbeOutcome.UNKNOWN) is CheckVerdict.NOT_RUN


def test_nothing_has_to_listen_on_the_port_picked_from_a_range() -> None:
    ports = PortRange(Protocol.TCP, 8000, 8010)
    check = Check("api", "pay", ports, 8000, Expectation.CONNECTS, ("10.0.0.1",))

    assert tried(check, ProbeOutcome.REFUSED) is CheckVerdict.HOLDS
    assert tried(replace(check, ports=tcp(8000)), ProbeOutcome.REFUSED) is CheckVerdict.VIOLATED


def test_a_pod_tries_its_own_ports_that_others_try_unless_a_mesh_answers_for_it() -> None:
    found = planned()
    api, gateway, pay = found.pods

    assert found.own(api) == (("10.10.10.1", 4000),)
    assert found.own(gateway) == (("10.10.10.2", 3000),)
    assert found.ends(pay)[-1] == ("10.10.10.3", 3100)
    assert len(found.ends(pay)) == sum(len(each.hosts) for each in found.of(pay)) + 1
    assert (
        planned(pods=(replace(PODS[0], proxy="istio-proxy"), *PODS[1:])).ends(replace(PODS[0], proxy="istio-proxy"))
        == ()
    )


@pytest.mark.parametrize(
    ("probe", "port"),
    [
        ({"tcpSocket": {"port": 4000}}, 4000),
        ({"httpGet": {"path": "/", "port": "http"}}, 4001),
        ({"grpc": {"port": 4000}}, 4000),
        ({"exec": {"command": ["true"]}}, None),
        ({"httpGet": {"port": "unknown"}}, None),
        ({"tcpSocket": {"port": 4000, "host": "10.0.0.9"}}, None),
    ],
)
def test_a_readiness_probe_that_passes_shows_a_listener(probe: dict[str, Any], port: int | None) -> None:
    pod = described("a", app="flash-api")
    ports = [{"containerPort": 4002}, {"name": "http", "containerPort": 4001}]
    pod["spec"]["containers"][0] |= {"readinessProbe": probe, "ports": ports}
    (unready,) = running_pods(shop_matrix(), [pod])
    pod["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    (ready,) = running_pods(shop_matrix(), [pod])

    assert unready.ready == ()
    assert ready.ready == (() if port is None else (port,))
    assert planned(pods=(ready,)).ready == ({("10.10.10.9", port)} if port else set())


def test_a_host_that_another_flow_declares_on_that_port_may_answer() -> None:
    """Two externals may be one host: gateway may reach redis under the name cache."""
    shop = shop_matrix()
    (redis,) = (each for each in shop.externals if each.name == "redis")
    cache = replace(redis, name="cache", namespace="caches")
    matrix = replace(
        shop, externals=(*shop.externals, cache), flows=(*shop.flows, Flow("gateway", "cache", (tcp(6379),)))
    )

    assert "gateway => redis : TCP 6379" not in connections(
        planned(matrix, named={"cache": ("10.10.20.3",)}), Expectation.BLOCKED
    )


def test_udp_is_listed_as_untried() -> None:
    shop = shop_matrix()
    api, *others = shop.services
    api = replace(api, ports=(udp(4000),))
    flows = tuple(replace(each, ports=(udp(4000),)) if each.target == "api" else each for each in shop.flows)
    found = planned(replace(shop, services=(api, *others), flows=flows))

    assert "gateway => api : UDP 4000: only TCP shows whether a connection opens" in found.untried


def test_a_pod_that_is_deleted_pending_or_on_the_host_network_probes_nothing() -> None:
    shop, label = shop_matrix(), {"app": "flash-api"}
    going, waiting, host = (described(name, **label) for name in ("going", "waiting", "host"))
    going["metadata"]["deletionTimestamp"] = "2026-11-24T00:00:00Z"
    waiting["status"] = {"phase": "Pending"}
    host["spec"]["hostNetwork"] = True

    assert running_pods(shop, [going, waiting, host, described("stray", app="other"), described("bare")]) == ()


def test_a_ready_pod_comes_first_with_the_container_that_kubectl_would_choose() -> None:
    ready = described("b", app="flash-api")
    ready["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    ready["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "beside"}
    first, second = running_pods(shop_matrix(), [described("a", app="flash-api"), ready])

    assert (first.name, first.container) == ("b", "beside")
    assert (second.name, second.container) == ("a", "main")


@pytest.mark.parametrize(
    "written", ["redis", "redis=", "nobody=10.0.0.1", "alb=10.0.0.1", "redis=-x", "redis=a b", "="]
)
def test_an_invalid_probe_host_is_one_clear_error(written: str) -> None:
    with pytest.raises(InputError, match="--probe-host"):
        named_hosts(shop_matrix(), [written])


def test_text_from_others_is_escaped() -> None:
    evil = "pod\x1b[31m\n<b>"
    found = planned(pods=(replace(PODS[0], name=evil),))
    probe = probe_result(found, {found.pods[0]: ProbeOutput("", evil)})

    assert "\x1b" not in plan_text(found, evil) + probe_text(probe)
    assert len(plan_text(found, evil).splitlines()) == len(plan_text(found, "image").splitlines())
    assert probe_document(probe)["holds"] is False
