"""The network of one team, with the firewall of its shop beside it.

The firewall needs the VPC, the cluster and the namespace to exist. So the first update makes the network. The team
makes its cluster there. The second update declares the firewall:

    pulumi up
    pulumi config set cluster acme
    pulumi up
"""

from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import yaml

from package.firewall import Firewall, FirewallArgs

config = pulumi.Config()
region, cluster = config.require("region"), config.get("cluster")

# The team's own providers. The firewall takes them as any component does.
account = aws.Provider("acme", region=region, default_tags=aws.ProviderDefaultTagsArgs(tags={"Team": "acme"}))
here = pulumi.ResourceOptions(provider=account)

network = aws.ec2.Vpc("network", cidr_block="10.40.0.0/16", tags={"Name": "acme"}, opts=here)
subnets = {
    (tier, zone): aws.ec2.Subnet(
        f"{tier}-{zone}",
        vpc_id=network.id,
        cidr_block=f"10.40.{number}.0/24",
        availability_zone=f"{region}{zone}",
        tags={"Name": f"acme-{tier}-{zone}"},
        opts=here,
    )
    for number, (tier, zone) in enumerate((tier, zone) for tier in ("private", "data") for zone in "ac")
}
groups = {
    name: aws.ec2.SecurityGroup(name, vpc_id=network.id, description=f"acme {name}", tags={"Name": name}, opts=here)
    for name in ("nodes", "database")
}
ids = {tier: [subnet.id for (its, _), subnet in subnets.items() if its == tier] for tier in ("private", "data")}

pulumi.export("vpcId", network.id)
pulumi.export("privateSubnetIds", ids["private"])

if cluster:
    kubeconfig = config.get("kubeconfig")
    access = kubernetes.Provider("acme-cluster", kubeconfig=kubeconfig)
    firewall = Firewall(
        "shop",
        FirewallArgs(
            traffic=yaml.safe_load(Path(__file__).with_name("traffic.yaml").read_text(encoding="utf-8")),
            binding={
                "vpc": {"id": network.id},
                "cluster": {
                    "name": cluster,
                    "nodes": {"id": groups["nodes"].id},
                    "podSubnets": {"ids": ids["private"]},
                    "attachment": "pods",
                    "cni": {"name": "vpc-cni", "podEniMode": "standard", "enforcingMode": "strict"},
                    "dns": {"mode": "cluster", "groups": ["cluster"]},
                },
                "places": {"database": {"subnets": {"ids": ids["data"]}, "groups": [{"id": groups["database"].id}]}},
            },
            region=region,
        ),
        pulumi.ResourceOptions(providers=[account, access]),
    )
    pulumi.export("groupIds", firewall.group_ids)
    pulumi.export("policies", firewall.policies)
