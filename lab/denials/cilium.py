"""``python -m lab.denials.cilium`` runs within an enclosure: what Cilium, its Hubble and the deployed alerts say.

The shop runs on a node with Cilium. Its firewall is deployed as the runbook says: first audited, then enforced. Then
each alert gets what it is for: undeclared denials, a refused name, a declared flow that is denied, metrics with other
options, and an agent without Hubble. The result is written in JSON. Its orders are the first argument, in JSON:

* ``prometheus``: the executable.
* ``commands``: of the runbook, by their part: ``on``, ``off``, ``restart``, ``audited``, ``dropped``, ``metrics``.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from flash_ticket.firewall.compile.alerts.alert import Alert
from lab.denials.attempts import Call, calls, denials, tried
from lab.denials.domain_names import NamesTried
from lab.denials.exported import copied, counted, followed, seconds
from lab.denials.follower import Follower, denied
from lab.denials.prometheus import Prometheus, PrometheusEndedError
from lab.denials.watched import REPOSITORY, STACK, alerting_on, deployed, rings, rule_groups
from lab.enclosure.answer import exit_code, write_answer
from lab.node.enforcers.cilium import Cilium
from lab.node.enforcers.cilium_settings import EXPORT, HUBBLE_METRICS_PORT, METRICS_PORT, CiliumSettings, Switch
from lab.node.pods import pod_spec
from lab.node.programs import NodeError
from lab.packets.connections import Answer, allow_many_files
from lab.running.engine import Engine, EngineError
from lab.running.lab import Lab, LabError
from lab.shop.shop import Shop
from lab.shop.start import running_shop
from lab.toolchain.node_kits import Enforcer

_SYSTEM = "kube-system"
_AUDITED = {"name": "cilium", "cilium": {"policyVerdicts": "audited"}}
_DECLARED_SECONDS = 5.0
_LATE_SECONDS = 15.0
_SCRAPES_SECONDS = 3.0
_ROTATING = CiliumSettings(export_megabytes=1)
"""Hubble rotates its export often, so that followers and the command meet it."""
_OTHER_CONTEXT = "drop:sourceContext=pod;destinationContext=pod"
_POLICIES = "/apis/networking.k8s.io/v1/namespaces/flash-ticket/networkpolicies"
_POLICIES_OF_CILIUM = "/apis/cilium.io/v2/namespaces/flash-ticket/ciliumnetworkpolicies"
_CUT, _OWN_NAMES = "03-allow-pay-from-api", "04-allow-egress-gateway"
_ONE_NAME = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "one-name", "namespace": "flash-ticket"},
    "spec": {
        "endpointSelector": {"matchLabels": {"app": "flash-gateway"}},
        "egress": [
            {
                "toEndpoints": [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": _SYSTEM}}],
                "toPorts": [
                    {
                        "ports": [{"port": "53", "protocol": "ANY"}],
                        "rules": {"dns": [{"matchName": "kubernetes.default.svc.cluster.local"}]},
                    }
                ],
            }
        ],
    },
}
_COUNTED = {
    "verdicts": 'sum(hubble_policy_verdicts_total{action="dropped",match!~"l7/.*"})',
    "drops": 'sum(hubble_drop_total{reason=~"POLICY_DENIED|POLICY_DENY"})',
    "counted": "sum(networkpolicy:denied_packets:increase5m)",
    "ours": 'sum(hubble_policy_verdicts_total{action="dropped",source_namespace="flash-ticket"})'
    ' + sum(hubble_policy_verdicts_total{action="dropped",source_namespace!="flash-ticket",'
    'destination_namespace="flash-ticket"})',
}
_REFUSED_NAME = "flash-pay.flash-ticket.svc.cluster.local"


def main() -> int:
    """Follow the orders of the first argument."""
    orders = json.loads(sys.argv[1])
    allow_many_files()

    def run() -> None:
        with running_shop(Enforcer.CILIUM) as (lab, shop):
            _represent_agents(shop)
            write_answer(_Story(lab, shop, orders["commands"], orders["prometheus"]).results())

    return exit_code(run, NodeError, LabError, EngineError, PrometheusEndedError)


def _config(settings: CiliumSettings) -> dict[str, str]:
    """Return the settings as Helm writes them into the ConfigMap cilium-config."""
    return {
        "enable-policy": "default",
        "policy-audit-mode": settings.audit.value,
        "kube-proxy-replacement": "false",
        "enable-hubble": settings.hubble.value,
        "enable-l7-proxy": settings.proxy.value,
        "hubble-metrics": " ".join(settings.metrics),
    }


def _represent_agents(shop: Shop) -> None:
    """Make what a cluster with Cilium has: its ConfigMap, its DaemonSet, and a pod of it with Hubble's command.

    The agent of the lab is not a pod. It runs beside kubelet, and this pod finds its socket.
    """
    api, labels = shop.node.api, {"k8s-app": "cilium"}
    ours = {
        "hubble": str(shop.node.toolchain.path("hubble")),
        "lib": "/lib",
        "lib64": "/lib64",
    }  # not a static program
    files = {"hubble": "/bin/hubble", "lib": "/lib", "lib64": "/lib64"}
    spec = pod_spec(
        command=["sleep", "2147483647"],
        env=[{"name": "HUBBLE_SERVER", "value": "unix:///var/run/cilium/hubble.sock"}],
        volumeMounts=[
            {"name": "run", "mountPath": "/var/run/cilium"},
            *({"name": each, "mountPath": path} for each, path in files.items()),
        ],
    )
    spec["containers"][0]["name"] = "cilium-agent"
    spec |= {
        "hostNetwork": True,
        "volumes": [
            {"name": "run", "hostPath": {"path": "/var/run/cilium"}},
            *({"name": each, "hostPath": {"path": here}} for each, here in ours.items()),
        ],
    }
    meta = {"name": "cilium", "namespace": _SYSTEM}
    api.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "cilium-config", "namespace": _SYSTEM},
            "data": _config(CiliumSettings()),
        }
    )
    template = {"metadata": {"labels": labels}, "spec": spec}
    api.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": meta,
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        }
    )
    api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {**meta, "labels": labels}, "spec": spec})
    shop.node.wait_until_ready({"cilium": (_SYSTEM, "cilium")})


@dataclass(slots=True)
class _Story:
    """What happens, in order.

    Attributes:
        commands: Of the runbook, by their part.
        program: Prometheus.
        settings: Of the agent, as it runs.
    """

    lab: Lab
    shop: Shop
    commands: Mapping[str, str]
    program: str
    settings: CiliumSettings = _ROTATING

    def results(self) -> dict[str, Any]:
        """Return what was seen."""
        ran = {"metrics": self._run("metrics"), "on": self._run("on"), "restart": self._run("restart")}
        self._restart()
        engine = deployed(self.lab, self.shop, _AUDITED)
        node, ports = self.shop.node.addresses.node, (HUBBLE_METRICS_PORT, METRICS_PORT)
        with alerting_on(self.program, rule_groups(self.shop), [f"{node}:{port}" for port in ports]) as alerting:
            alerting.wait("the metrics of Cilium", alerting.is_scraped)
            rehearsal = self._rehearsed(engine, alerting)
            ran |= {"audited": self._run("audited", engine), "off": self._run("off")}
            self._restart()
            alerting.wait("the metrics of Cilium", alerting.is_scraped)
            return {
                "rehearsal": rehearsal,
                "silent": self._declared_alone(alerting),
                "pairs": self._pairs(alerting),
                "cut": self._cut(alerting),
                "enforced": self._enforced(engine, alerting),
                "dropped": self._run("dropped", engine),
                "followed": self._followed(engine),
                "names": self._names(engine),
                "name": self._refused_name(engine, alerting),
                "other": self._other_context(alerting),
                "blind": self._without_hubble(alerting),
                "commands": ran,
            }

    def _rehearsed(self, engine: Engine, alerting: Prometheus) -> dict[str, Any]:
        begun, every = _now(), calls(self.shop)
        answers = tried(every)
        time.sleep(_SCRAPES_SECONDS)
        return {
            **self._attempts(every, answers),
            "listed": self._denied(engine, begun, denials(self._undeclared(every)), "--audit"),
            "verify": self._flash_firewall(engine, "verify --output json"),
            "states": alerting.states(),
            "firing": _fired(alerting),
            "unwell": alerting.unwell(),
        }

    def _declared_alone(self, alerting: Prometheus) -> dict[str, Any]:
        declared, answers = [each for each in calls(self.shop) if each.is_declared], set[Answer]()
        end = time.monotonic() + _DECLARED_SECONDS
        while time.monotonic() < end:
            answers |= set(tried(declared))
        return {
            "answers": sorted(answers),
            "states": alerting.states(),
            "firing": _fired(alerting),
            "unwell": alerting.unwell(),
        }

    def _pairs(self, alerting: Prometheus) -> dict[str, Any]:
        """Try the pairs that have no declared flow until they are above the rate, and return the alerts."""
        every = calls(self.shop)
        declared = {(each.source.name, each.destination.name) for each in every if each.is_declared}
        others = [each for each in every if (each.source.name, each.destination.name) not in declared]
        found = (Alert.NEW_DENIED_PAIR, Alert.DENIED_TRAFFIC)
        return {name.value: rings(alerting, name, lambda: tried(others)) for name in found}

    def _cut(self, alerting: Prometheus) -> dict[str, Any]:
        """Take away a policy that allows a declared flow, use the flow, and return the alert. The policy comes back."""
        kept = self._delete(_CUT)
        flow = [each for each in calls(self.shop) if each.is_declared and each.destination.name == "pay"]
        found = rings(alerting, Alert.DECLARED_FLOW_DENIED, lambda: tried(flow))
        meta = {name: kept["metadata"][name] for name in ("name", "namespace", "labels")}
        self.shop.node.api.request("POST", _POLICIES, {**kept, "metadata": meta})
        end = time.monotonic() + _LATE_SECONDS
        while Answer.SILENT in tried(flow) and time.monotonic() < end:
            pass
        return found

    def _enforced(self, engine: Engine, alerting: Prometheus) -> dict[str, Any]:
        time.sleep(1)  # what was denied before is from an earlier second than what the command is asked about
        begun, every = _now(), calls(self.shop)
        answers = tried(every)
        listed = self._denied(engine, begun, denials(self._undeclared(every)))
        return {**self._attempts(every, answers), "listed": listed, "values": self._values(alerting)}

    def _values(self, alerting: Prometheus) -> dict[str, float]:
        """Return what is counted, as soon as the last packets are in every count, or when time is over."""
        end = time.monotonic() + _LATE_SECONDS
        while True:
            found = {name: alerting.value(expression) for name, expression in _COUNTED.items()}
            if found["counted"] == found["ours"] > 0 or time.monotonic() > end:
                return found
            time.sleep(_SCRAPES_SECONDS)

    def _followed(self, engine: Engine) -> list[float | None]:
        with self._follower(engine, _now()) as follower:
            return followed(follower, calls(self.shop))

    def _names(self, engine: Engine) -> dict[str, Any]:
        """Let the gateway use a declared name and others."""
        time.sleep(1)  # the attempts before are from an earlier second
        since = _now()
        return NamesTried(self.shop, self._shell).results(lambda: self._denied(engine, since, 2))

    def _refused_name(self, engine: Engine, alerting: Prometheus) -> dict[str, Any]:
        """Allow the gateway one name, let it ask for another, and return what is reported and counted."""
        self._delete(_OWN_NAMES)
        self.shop.node.api.request("POST", _POLICIES_OF_CILIUM, _ONE_NAME)
        since, asking = _now(), f"kubectl -n flash-ticket exec deploy/flash-gateway -- nslookup {_REFUSED_NAME} 2>&1"
        end, said, begun = time.monotonic() + _LATE_SECONDS, "", 0.0
        with self._follower(engine, since) as follower:
            while "REFUSED" not in said and time.monotonic() < end:
                begun = time.monotonic()
                said = self._shell(asking)["stdout"]
            printed = follower.wait_for_name(begun, "gateway")
        counted = (
            'sum(networkpolicy:denied_packets:increase5m{source="flash-gateway",destination_namespace="kube-system"})'
        )
        pair = 'hubble_policy_verdicts_total{action="dropped",match="l7/dns"}'
        alerting.wait("a refused name in the metrics", lambda: alerting.value(counted) > 0)
        return {
            "said": said,
            "counted": alerting.value(counted),
            "verdicts": alerting.value(f"sum({pair})"),
            "followed": seconds(begun, printed),
            "listed": self._denied(engine, since, 0),
        }

    def _other_context(self, alerting: Prometheus) -> dict[str, Any]:
        self._start(replace(self.settings, metrics=(_OTHER_CONTEXT,)))
        return self._ringing(alerting, Alert.METRIC_LABELS_MISSING)

    def _without_hubble(self, alerting: Prometheus) -> dict[str, Any]:
        self._start(replace(self.settings, hubble=Switch.OFF))
        return self._ringing(alerting, Alert.METRIC_MISSING)

    def _ringing(self, alerting: Prometheus, alert: Alert) -> dict[str, Any]:
        others = self._undeclared(calls(self.shop))
        return rings(alerting, alert, lambda: tried(others))

    def _attempts(self, every: Sequence[Call], answers: Sequence[Answer]) -> dict[str, Any]:
        return {"tried": [call.row(answer) for call, answer in zip(every, answers, strict=True)]}

    def _undeclared(self, every: Sequence[Call]) -> list[Call]:
        return [each for each in every if not each.is_declared]

    def _denied(self, engine: Engine, since: str, expected: int, *options: str) -> dict[str, Any]:
        """Ask the command until it lists as many denials as are expected, or time is over."""
        end = time.monotonic() + _LATE_SECONDS
        while True:
            files = copied()
            found = denied([*map(str, files), *options, *self._asked(engine, since)], self.lab.env(STACK))
            if len(found.get("denials", ())) >= expected or time.monotonic() > end:
                return {**found, "files": len(files), "counted": counted(files, since)}

    def _follower(self, engine: Engine, since: str) -> AbstractContextManager[Follower]:
        return Follower.start([str(EXPORT), *self._asked(engine, since)], self.lab.env(STACK))

    def _asked(self, engine: Engine, since: str) -> list[str]:
        return ["--since", since, "--project", str(engine.program), "--stack", STACK]

    def _delete(self, policy: str) -> dict[str, Any]:
        """Delete a policy, and return it as it was."""
        kept = self.shop.node.api.request("GET", f"{_POLICIES}/{policy}")
        self.shop.node.api.request("DELETE", f"{_POLICIES}/{policy}")
        return kept

    def _restart(self) -> None:
        """Start the agent with what the ConfigMap says now, as the DaemonSet does."""
        path = f"/api/v1/namespaces/{_SYSTEM}/configmaps/cilium-config"
        config = self.shop.node.api.request("GET", path)["data"]
        self._start(replace(self.settings, audit=Switch(config["policy-audit-mode"])))

    def _start(self, settings: CiliumSettings) -> None:
        agent = self.shop.node.enforcing
        if not isinstance(agent, Cilium):
            raise NodeError("the node has no Cilium")
        agent.kill()
        self.settings = settings
        replace(agent, settings=settings).restart()

    def _run(self, part: str, engine: Engine | None = None) -> dict[str, Any]:
        """Run a command of the runbook as it is written, in the project's folder."""
        return self._shell(self.commands[part], engine)

    def _flash_firewall(self, engine: Engine, arguments: str) -> dict[str, Any]:
        return self._shell(f"flash-firewall {arguments}", engine)

    def _shell(self, text: str, engine: Engine | None = None) -> dict[str, Any]:
        # The command of this checkout, whatever is installed.
        own = f'flash-firewall() {{ "{sys.executable}" -m flash_ticket.cli.main "$@"; }}\n'
        ran = subprocess.run(  # noqa: S603 - commands of the runbook
            ["/bin/bash", "-euo", "pipefail", "-c", own + text],
            cwd=engine.program if engine else REPOSITORY,
            env={**self.lab.env(STACK), "PULUMI_STACK": STACK, "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return {"code": ran.returncode, "stdout": ran.stdout, "stderr": ran.stderr}


def _fired(alerting: Prometheus) -> list[str]:
    return [name for name in alerting.states() if "firing" in alerting.history(name)]


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


if __name__ == "__main__":
    sys.exit(main())
