"""The settings that Cilium's agents run with, compared with the binding, and what they leave out.

Sources: Cilium documentation, "Policy Enforcement Modes", "Creating Policies from Verdicts" (audit mode) and "Command
Reference", cilium-agent; the code of Cilium 1.20.2. The ConfigMap cilium-config has the agent's flags as keys. It does
not say whether each agent has restarted since, nor what somebody has set for one endpoint alone.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from flash_ticket.firewall.bind.environment import Cluster
from flash_ticket.firewall.compile.alerts.hubble import HUBBLE_CONTEXT, HUBBLE_METRICS
from flash_ticket.firewall.declare.binding import BINDING_KEY
from flash_ticket.firewall.declare.choices import CniName, KubeProxyMode, PolicyEnforcement, PolicyVerdicts
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.verify.finding import Comparison, Finding, FindingKind
from flash_ticket.verify.observed import Observed

_WHERE = "ConfigMap kube-system/cilium-config"
_CHAINED = "cni-chaining-mode"
_RESTART = "and restart the DaemonSet cilium"
_NOT_READ = f"{BINDING_KEY}.cluster.cni: nothing compares it with the settings of Cilium"


@dataclass(frozen=True)
class CiliumAgents(Comparison):
    """The settings of Cilium's agents, as far as they were read."""

    observed: Observed

    def findings(self) -> Iterator[Finding]:
        """Yield each setting that changes verdicts and is not the declared one, and each that hides them."""
        config, environment = self.observed.cilium_config, self.planned.environment
        if environment.cluster.cni is CniName.CILIUM and isinstance(config, Mapping):
            yield from settings_that_differ(environment.cluster, config)
            yield from _about_names(config, names_are_declared(self.planned.matrix))
            yield from _hidden(config)
            if environment.alerting and environment.alerting.rule_labels is not None:
                yield from _unmeasured(config)


class Names(Enum):
    """Whether a service may reach something by its domain names."""

    DECLARED = auto()
    NONE = auto()


def names_are_declared(matrix: Matrix) -> Names:
    """Return whether a flow of the matrix leads to domain names."""
    named = {external.name for external in matrix.externals if external.domains}
    return Names.DECLARED if any(flow.target in named for flow in matrix.flows) else Names.NONE


def config_warnings(
    cluster: Cluster, config: Mapping[str, str] | Exception | None, names: Names = Names.NONE
) -> Iterator[str]:
    """Yield what a preview says of the settings of Cilium's agents.

    Args:
        cluster: The declared cluster.
        config: The settings, or why they were not read; None if kube-system does not have them.
        names: Whether domain names are declared.
    """
    if cluster.cni is not CniName.CILIUM:
        return
    if isinstance(config, Mapping):
        for each in (*settings_that_differ(cluster, config), *_about_names(config, names)):
            if each.is_drift or each.what.startswith(_CHAINED):
                yield str(Notice(each.where, each.what, each.remedy, why=each.why))
    else:
        yield f"{_NOT_READ} ({config or f'there is no {_WHERE}'})."


def settings_that_differ(cluster: Cluster, config: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the settings that change verdicts and are not the declared ones."""
    if _is_off(config, "enable-k8s-networkpolicy"):
        yield Finding(
            _WHERE,
            "enable-k8s-networkpolicy is false",
            "Cilium ignores every NetworkPolicy: the pod layer of this firewall decides nothing",
            f"Set it to true, {_RESTART}",
            FindingKind.OPEN,
        )
    yield from _enforcement(cluster, config)
    yield from _verdicts(cluster, config)
    declared = " ".join(cluster.cilium.ip_blocks_match)
    running = " ".join(sorted(set(re.findall(r"[a-z]+", config.get("policy-cidr-match-mode", "").lower()))))
    if running != declared:
        yield _changed(
            "policy-cidr-match-mode",
            running or "empty",
            declared or "empty",
            "an ipBlock then matches other ends than the proof says",
            f"ipBlocksMatch: [{running.replace(' ', ', ')}] under cluster.cni.cilium",
        )
    replaces = config.get("kube-proxy-replacement", "false").lower() in {"true", "strict"}
    if replaces != (cluster.kube_proxy is KubeProxyMode.CILIUM):
        yield _changed(
            "kube-proxy-replacement",
            str(replaces).lower(),
            str(not replaces).lower(),
            "another program then translates the addresses of Services than the settings say",
            f"kubeProxy: {'cilium' if replaces else 'iptables'} under cluster.cni",
        )


def _enforcement(cluster: Cluster, config: Mapping[str, str]) -> Iterator[Finding]:
    declared, running = cluster.cilium.enforcement, config.get("enable-policy", PolicyEnforcement.DEFAULT).lower()
    if running == PolicyEnforcement.NEVER:
        yield Finding(
            _WHERE,
            "enable-policy is never",
            "Cilium enforces no policy: the pod layer of this firewall decides nothing",
            f"Set it to {declared.value}, {_RESTART}",
            FindingKind.OPEN,
        )
    elif running != declared:
        yield _changed(
            "enable-policy",
            running,
            declared.value,
            "in mode always a pod without a policy is closed, and in mode default it is open",
            f"policyEnforcement: {running} under cluster.cni.cilium",
        )


def _verdicts(cluster: Cluster, config: Mapping[str, str]) -> Iterator[Finding]:
    is_audited, declared = config.get("policy-audit-mode", "false").lower() == "true", cluster.cilium.verdicts
    if is_audited:
        rehearsed = declared is PolicyVerdicts.AUDITED
        yield Finding(
            _WHERE,
            "policy-audit-mode is true" + (", as declared" if rehearsed else ""),
            "Cilium drops nothing that policies deny, in any namespace: the pod layer of this firewall decides nothing",
            f"Run flash-firewall denied --audit, then set it to false, {_RESTART}",
            FindingKind.NOTED if rehearsed else FindingKind.OPEN,
        )
    elif declared is PolicyVerdicts.AUDITED:
        yield _changed(
            "policy-audit-mode",
            "false",
            "true",
            "Cilium drops what policies do not allow, and the settings promise that it only audits it",
            "policyVerdicts: enforced under cluster.cni.cilium",
        )


def _about_names(config: Mapping[str, str], names: Names) -> Iterator[Finding]:
    """Yield what can keep declared domain names closed (Cilium documentation, "CNI Chaining", limitations)."""
    if _is_off(config, "enable-l7-proxy"):
        yield Finding(
            _WHERE,
            "enable-l7-proxy is false",
            "Cilium then refuses policies with domain names or rules of HTTP and DNS, and only its agent's log shows "
            "it: what they should allow is closed",
            f"Set it to true, {_RESTART}"
            + (", if a policy of Cilium selects these pods" if names is Names.NONE else ""),
            FindingKind.NOTED if names is Names.NONE else FindingKind.CUT_OFF,
        )
    chained = config.get(_CHAINED, "none").lower()
    if chained != "none" and names is Names.DECLARED:
        yield Finding(
            _WHERE,
            f"{_CHAINED} is {chained}",
            "policies of layer 7 may be limited when Cilium is chained to another plug-in, and domain names need its "
            "proxy for DNS: names that are declared may stay closed",
            "Try a declared name from a pod first, or run Cilium as the only network plug-in",
            FindingKind.NOTED,
        )


def _hidden(config: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what keeps denied traffic out of sight."""
    if _is_off(config, "enable-hubble"):
        yield Finding(
            _WHERE,
            "enable-hubble is false",
            "nothing records what Cilium denies: flash-firewall denied and the alerts see none of it",
            f"Set hubble.enabled in Helm's values, {_RESTART}",
            FindingKind.NOTED,
        )


def _unmeasured(config: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what the metrics of Hubble lack for the alerts."""
    metrics = {each.partition(":")[0]: each.partition(":")[2] for each in config.get("hubble-metrics", "").split()}
    wanted = set(HUBBLE_CONTEXT.split(";"))
    known = {name: wanted <= set(metrics[name].split(";")) for name in ("policy", "drop") if name in metrics}
    if _is_off(config, "enable-hubble") or (known and all(known.values())):
        return
    lacking = ", ".join(name for name, fits in known.items() if not fits)
    yield Finding(
        _WHERE,
        f"hubble-metrics has other options for {lacking}" if known else "hubble-metrics has neither policy nor drop",
        "the alerts of this firewall cannot see whose traffic is denied",
        f"Write {HUBBLE_METRICS} into hubble.metrics.enabled of Helm's values, {_RESTART}",
        FindingKind.NOTED,
    )


def _is_off(config: Mapping[str, str], key: str) -> bool:
    return config.get(key, "true").lower() == "false"


def _changed(key: str, running: str, declared: str, why: str, instead: str) -> Finding:
    return Finding(
        _WHERE,
        f"{key} is {running}, declared is {declared}",
        why,
        f"Set it to {declared}, {_RESTART}, or write {instead} in the stack's settings",
        FindingKind.CHANGED,
    )
