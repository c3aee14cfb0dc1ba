"""Cilium's agent is started as its settings say, and built only for a node that runs it."""

import pytest

from flash_ticket.firewall.compile.alerts.hubble import HUBBLE_OPTIONS
from lab.node.enforcers.cilium_settings import CiliumSettings, Switch
from lab.toolchain.node_kits import Enforcer, node_kits


def flags(settings: CiliumSettings) -> dict[str, str]:
    return dict(flag.removeprefix("--").split("=", 1) for flag in settings.arguments())


def test_by_default_policies_are_enforced_and_hubble_has_the_metric_that_the_alerts_need() -> None:
    found = flags(CiliumSettings())
    assert (found["policy-audit-mode"], found["enable-l7-proxy"], found["enable-hubble"]) == ("false", "true", "true")
    assert HUBBLE_OPTIONS in found["hubble-metrics"].split()


@pytest.mark.parametrize(
    ("settings", "flag", "value"),
    [
        (CiliumSettings(audit=Switch.ON), "policy-audit-mode", "true"),
        (CiliumSettings(proxy=Switch.OFF), "enable-l7-proxy", "false"),
        (CiliumSettings(hubble=Switch.OFF), "enable-hubble", "false"),
        (CiliumSettings(metrics=("drop", "dns")), "hubble-metrics", "drop dns"),
        (CiliumSettings(export_megabytes=1), "hubble-export-file-max-size-mb", "1"),
        (CiliumSettings(buffer=255), "hubble-event-buffer-capacity", "255"),
        (CiliumSettings(flags=("--monitor-aggregation=none",)), "monitor-aggregation", "none"),
    ],
)
def test_a_setting_becomes_a_flag(settings: CiliumSettings, flag: str, value: str) -> None:
    assert flags(settings)[flag] == value


def test_without_hubble_nothing_is_exported_or_measured() -> None:
    assert [flag for flag in flags(CiliumSettings(hubble=Switch.OFF)) if "hubble" in flag] == ["enable-hubble"]


def built(enforcer: Enforcer) -> set[str]:
    return {build.executable for kit in node_kits(enforcer) for build in kit.builds}


def test_cilium_is_built_for_a_node_with_it_alone_and_brings_its_own_plugin_and_translation_of_services() -> None:
    assert "cilium-agent" not in built(Enforcer.AWS) | built(Enforcer.KUBE_ROUTER)
    assert {"cilium-agent", "cilium-cni", "hubble"} <= built(Enforcer.CILIUM)
    assert not {"aws-cni", "aws-network-policy-agent", "kube-proxy"} & built(Enforcer.CILIUM)
