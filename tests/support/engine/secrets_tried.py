"""Requests for Secrets that the guard rail for Secrets refuses or admits: all are tried without a change."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.running.firewall_command import Ran
from tests.support.engine.apis import NAMESPACE

BY_HAND = "written-by-hand"
SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": BY_HAND, "namespace": NAMESPACE},
    "stringData": {"password": "pl4intext"},
}
_OWNERS = [{"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "x", "uid": "1", "controller": True}]
_ANYBODY = ("--as", "somebody", "--as-group", "system:masters")
_SEALER = ("--as", "system:serviceaccount:kube-system:sealed-secrets-controller", "--as-group", "system:masters")
_IN = ("--namespace", NAMESPACE, "--dry-run=server")


@dataclass(frozen=True)
class TriedSecrets:
    """Requests of a cluster's users, by what is tried; the Secret of this module must exist.

    Attributes:
        kubectl: Runs kubectl with these arguments and this text as its input.
    """

    kubectl: Callable[..., Ran]

    def refused(self) -> Mapping[str, Ran]:
        """Return the answers to requests that the guard rail refuses."""
        return {
            "by hand": self._created(_ANYBODY),
            "with a forged owner": self._created(_ANYBODY, owners=_OWNERS),
            "by the controller, without an owner": self._created(_SEALER),
            "of another type": self._created(_ANYBODY, type="example.com/certificate"),
            "new content by hand": self._patched(_ANYBODY, stringData={"password": "other"}),
            "an owner forged later": self._patched(_ANYBODY, metadata={"ownerReferences": _OWNERS}),
        }

    def admitted(self) -> Mapping[str, Ran]:
        """Return the answers to requests that the guard rail admits."""
        token = {"annotations": {"kubernetes.io/service-account.name": "default"}}
        registry = {"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{}"}}
        return {
            "by the controller": self._created(_SEALER, owners=_OWNERS),
            "taken over by the controller": self._patched(_SEALER, metadata={"ownerReferences": _OWNERS}),
            "a label by hand": self._patched(_ANYBODY, metadata={"labels": {"team": "shop"}}),
            "a token": self._created(_ANYBODY, type="kubernetes.io/service-account-token", metadata=token),
            "a release of Helm": self._created(_ANYBODY, type="helm.sh/release.v1"),
            "credentials of a registry": self._created(_ANYBODY, **registry),
            "a deletion": self.kubectl("delete", "secret", BY_HAND, *_IN, *_ANYBODY),
        }

    def _created(self, who: tuple[str, ...], owners: object = None, **changed: Any) -> Ran:  # noqa: ANN401 - JSON
        metadata = {"name": "new", "namespace": NAMESPACE, **changed.pop("metadata", {})}
        owned = {"ownerReferences": owners} if owners else {}
        secret = {**SECRET, "metadata": {**metadata, **owned}, **changed}
        return self.kubectl("create", "--dry-run=server", "-f", "-", *who, given=json.dumps(secret))

    def _patched(self, who: tuple[str, ...], **patch: object) -> Ran:
        return self.kubectl("patch", "secret", BY_HAND, *_IN, *who, "--patch", json.dumps(patch))
