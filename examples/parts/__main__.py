"""Parts of one firewall in the stacks of two teams, from the same traffic and the same binding.

The network team owns the account: the VPC layer, the flow log and its alarms. The platform team owns the cluster: the
pod layer and the guard rails. Each team deploys its own stack:

    pulumi up --stack network     # with the configuration team: network
    pulumi up --stack platform    # with the configuration team: platform
"""

from pathlib import Path

import pulumi
import yaml

from package.firewall import FirewallArgs
from package.parts import Alerts, AlertsArgs, FlowLogs, GuardRails, NetworkPolicies, SecurityGroups

config, here = pulumi.Config(), Path(__file__).parent
inputs = FirewallArgs(
    traffic=yaml.safe_load((here / "traffic.yaml").read_text(encoding="utf-8")),
    binding=yaml.safe_load((here / "binding.yaml").read_text(encoding="utf-8")),
    region=config.require("region"),
    environment="prod",  # the same in both stacks: they are parts of one firewall
)

if config.require("team") == "network":
    groups = SecurityGroups("shop", inputs)
    records = FlowLogs("shop", inputs)
    alerts = Alerts("shop", AlertsArgs(**inputs, flow_log_location=records.flow_log_location or ""))
    pulumi.export("groupIds", groups.group_ids)
    pulumi.export("alerts", alerts.alerts)
else:
    policies = NetworkPolicies("shop", inputs)
    # Guard rails come last, so that they cannot stop what their own program deploys.
    GuardRails("shop", inputs, pulumi.ResourceOptions(depends_on=[policies]))
    pulumi.export("policies", policies.policies)
