"""The firewall as files for kubectl, Argo CD and review: which object is in which file, and in which order.

A policy's file has the policy's name. The other files have an underscore in their names, which no policy can have.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.guard_rails.guard import CompiledGuardRails, compile_guard_rails
from flash_ticket.firewall.compile.pod_layer import NetworkPolicy, PodFirewall
from flash_ticket.firewall.compile.vpc_layer import PodAttachment, VpcFirewall
from flash_ticket.firewall.declare.choices import PodLayerOwner
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.notice import Notice

ATTACHMENTS_FILE = "security_group_policies.yaml"
GUARD_RAILS_FILE = "guard_rails.yaml"
LAST_WAVE = {"argocd.argoproj.io/sync-wave": "1"}
"""Argo CD applies an object with this annotation after those without one (Argo CD documentation, Sync Waves)."""

_READ_BY_KUSTOMIZE = "kustomization"


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """Objects for the API server, in the order in which to create them."""

    name: str
    objects: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class RenderedManifests:
    """The manifests of one firewall.

    Attributes:
        files: The files, in the order in which to apply them.
        left_out: What belongs to the firewall and is in no file, with the reason.
    """

    files: tuple[ManifestFile, ...]
    left_out: tuple[Notice, ...]


def rendered_manifests(
    matrix: Matrix, environment: Environment, pods: PodFirewall, vpc: VpcFirewall, group_ids: Mapping[str, str]
) -> RenderedManifests:
    """Return the files of a firewall in the order of a deployment: groups of pods, allows, default-deny, guard rails.

    If somebody else applies the pod layer, the files hold only policies: Pulumi makes the rest.

    Args:
        matrix: The declared traffic.
        environment: The environment of the stack.
        pods: The compiled pod layer.
        vpc: The compiled VPC layer.
        group_ids: The id of each group of the stack that exists, by the service's or load balancer's name.

    Raises:
        InputError: A policy has the name of a file that kustomize reads.
    """
    for policy in pods.policies:
        if policy.name == _READ_BY_KUSTOMIZE:
            problem = f"{policy.name}.yaml would be the file of a policy, and kustomize reads that file itself"
            key = f"services.{policy.service}.policies"
            raise InputError("traffic.yaml", key, problem, "Give the policy another name")
    allows = (ManifestFile(_file(policy), (policy.manifest(),)) for policy in pods.allows)
    denials = tuple(ManifestFile(_file(each), (_in_last_wave(each),)) for each in pods.denials)
    if environment.cluster.pod_layer is PodLayerOwner.RENDERED:
        return RenderedManifests((*allows, *denials), ())
    guard = compile_guard_rails(matrix, environment)
    files = (*_attachments(matrix, vpc, group_ids), *allows, *denials, *_guard_rails(guard))
    return RenderedManifests(files, tuple(_left_out(matrix, environment, vpc, guard, group_ids)))


def _file(policy: NetworkPolicy) -> str:
    return f"{policy.name}.yaml"


def _in_last_wave(policy: NetworkPolicy) -> dict[str, Any]:
    manifest = policy.manifest()
    metadata = manifest["metadata"]
    return {**manifest, "metadata": {**metadata, "annotations": {**metadata["annotations"], **LAST_WAVE}}}


def _attachments(matrix: Matrix, vpc: VpcFirewall, group_ids: Mapping[str, str]) -> Iterator[ManifestFile]:
    objects = tuple(
        each.manifest(matrix.namespace, [group_ids[group.label] for group in each.groups])
        for each in vpc.attachments
        if _are_known(each, group_ids)
    )
    if objects:
        yield ManifestFile(ATTACHMENTS_FILE, objects)


def _are_known(attachment: PodAttachment, group_ids: Mapping[str, str]) -> bool:
    return all(group.label in group_ids for group in attachment.groups)


def _guard_rails(guard: CompiledGuardRails) -> Iterator[ManifestFile]:
    objects = guard.manifests()
    if objects:
        yield ManifestFile(GUARD_RAILS_FILE, objects)


def _left_out(
    matrix: Matrix,
    environment: Environment,
    vpc: VpcFirewall,
    guard: CompiledGuardRails,
    group_ids: Mapping[str, str],
) -> Iterator[Notice]:
    missing = [each.service for each in vpc.attachments if not _are_known(each, group_ids)]
    if missing:
        yield Notice(
            "SecurityGroupPolicies",
            f"those of {', '.join(missing)} are left out, because their security groups are not known",
            f"Run pulumi up --stack {environment.name}, which makes the groups, and render again",
        )
    for namespace in matrix.namespaces if guard.labels else ():
        pairs = " ".join(f"{key}={value}" for key, value in guard.labels)
        yield Notice(
            f"namespace {namespace}",
            "its labels for Pod Security are left out, because kubectl delete -f would delete the namespace with them",
            f"Run kubectl label namespace {namespace} {pairs}",
        )
