"""The pod layer as Pulumi resources: the allow policies, and then the policies that deny the rest.

Not here on purpose: the namespaces, which others own, and policies of other namespaces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.networking.v1 import NetworkPolicy as NetworkPolicyResource

from flash_ticket.firewall.change import resource_names
from flash_ticket.firewall.change.adopting.taken_policies import Waiting
from flash_ticket.firewall.change.ownership.pod_layer import PodLayerStep
from flash_ticket.firewall.change.rewriting import TAKE_BACK, Rewriting
from flash_ticket.firewall.compile.names.domains_layer import DomainsPolicy
from flash_ticket.firewall.compile.pod_layer import NetworkPolicy, PodFirewall


@dataclass(frozen=True, slots=True)
class NetworkPoliciesArgs:
    """What `NetworkPolicies` declares: the compiled pod layer.

    Attributes:
        before_denial: Other resources that must exist as long as default-deny, such as the groups and their rules.
        rewriting: The policies to rewrite, because their rules are not as deployed.
        attachments: What attaches a group to the pods of each service; its policies exist only together with it.
        step: What this update does with them: deploy them, or let go of them as well.
        waiting: What each policy that this update takes over from others waits for.
    """

    firewall: PodFirewall
    before_denial: tuple[pulumi.Resource, ...] = ()
    rewriting: Rewriting = field(default_factory=Rewriting)
    attachments: Mapping[str, pulumi.Resource] = field(default_factory=dict)
    step: PodLayerStep = PodLayerStep.DEPLOY
    waiting: Waiting = field(default_factory=dict)


class NetworkPolicies(pulumi.ComponentResource):
    """The NetworkPolicies of one firewall and its policies for domain names, in all its namespaces.

    Default-deny is created after every allow policy and every other declared resource, and deleted before them, so that
    neither creation nor deletion interrupts a declared flow. The allow policies of a service are created after what
    attaches its group to new pods, and deleted before it: until then such pods have the nodes' group, which opens more.
    A policy that this update takes over is written after the policies that allow what it no longer allows.

    Attributes:
        names: The names of the policies, in the order of their creation.
        kept: Whether the objects stay in the cluster if they are no longer declared.
    """

    names: pulumi.Output[list[str]]
    kept: bool

    def __init__(self, name: str, args: NetworkPoliciesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(resource_names.POLICIES_TYPE, name, None, opts)
        self._rewriting = args.rewriting
        self.kept = args.step is PodLayerStep.LET_GO
        made: dict[str, pulumi.Resource] = {}
        left = list(args.firewall.allows)
        while left:
            ready = [each for each in left if made.keys() >= set(args.waiting.get(each.name, ()))]
            for policy in ready:
                attached = args.attachments.get(policy.service or "")
                before = [made[other] for other in args.waiting.get(policy.name, ())]
                made[policy.name] = self._declare(name, policy, *((attached,) if attached else ()), *before)
                left.remove(policy)
        allows = [made[policy.name] for policy in args.firewall.allows]
        denials = [self._declare(name, each, *allows, *args.before_denial) for each in args.firewall.denials]
        names = [policy.manifest()["metadata"]["name"] for policy in args.firewall.policies]
        self.names = pulumi.Output.all(*(policy.urn for policy in (*allows, *denials))).apply(lambda _: names)
        self.register_outputs({"names": self.names, resource_names.KEPT: self.kept})

    def _declare(
        self, name: str, policy: NetworkPolicy, *after: pulumi.Resource
    ) -> NetworkPolicyResource | CustomResource:
        manifest = policy.manifest()
        annotations = {**manifest["metadata"]["annotations"], **TAKE_BACK, **self._rewriting.of_policy(policy.name)}
        metadata = {**manifest["metadata"], "annotations": annotations}
        resource, spec = resource_names.joined(name, policy.name), manifest["spec"]
        opts = pulumi.ResourceOptions(parent=self, depends_on=after, retain_on_delete=self.kept)
        if isinstance(policy, DomainsPolicy):
            return CustomResource(resource, policy.form.api_version, policy.form.kind, spec, metadata, opts)
        return NetworkPolicyResource(resource, metadata=metadata, spec=spec, opts=opts)
