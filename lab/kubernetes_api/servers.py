"""etcd and the API servers: their flags, credentials and what they are filled with."""

import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab.kubernetes_api.rest import KubernetesEndpoint
from lab.surroundings import SERVICE_CIDR, Surroundings

_OBJECTS = Path(__file__).parent / "objects"
_READY_SECONDS = 60.0
# Sockets in the folder that etcd and the API servers are started in: no port to collide on, nobody else can connect.
_ETCD_CLIENTS = "unix://etcd:1"
_ETCD_PEERS = "unix://etcd:2"


def etcd_command(executable: Path, folder: Path) -> list[str]:
    """Return the command line of etcd, to be started in ``folder``."""
    return [
        str(executable),
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        "--log-level=warn",
        f"--listen-client-urls={_ETCD_CLIENTS}",
        f"--advertise-client-urls={_ETCD_CLIENTS}",
        f"--listen-peer-urls={_ETCD_PEERS}",
        f"--initial-advertise-peer-urls={_ETCD_PEERS}",
        f"--initial-cluster=default={_ETCD_PEERS}",
    ]


@dataclass(frozen=True, slots=True)
class ApiServer:
    """The API server of one environment.

    Attributes:
        surroundings: The environment.
        folder: The lab's folder: the server is started in it, its files lie in a folder of it named after the stack.
        endpoint: Where it will listen.
        port: A bound socket that keeps the port until the server takes it.
    """

    surroundings: Surroundings
    folder: Path
    endpoint: KubernetesEndpoint
    port: socket.socket

    @classmethod
    def prepare(cls, surroundings: Surroundings, folder: Path) -> "ApiServer":
        """Choose a port and write the credentials."""
        own = folder / surroundings.stack
        own.mkdir()
        port = socket.socket()
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        port.bind(("127.0.0.1", 0))
        token = secrets.token_urlsafe()
        (own / "tokens.csv").write_text(f'{token},lab,lab,"system:masters"\n')
        key = ec.generate_private_key(ec.SECP256R1())
        # The format is the only one of elliptic-curve keys that the server reads.
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        (own / "service-accounts.key").write_bytes(pem)
        endpoint = KubernetesEndpoint(f"https://127.0.0.1:{port.getsockname()[1]}", token, own / "apiserver.crt")
        return cls(surroundings, folder, endpoint, port)

    @property
    def kubeconfig(self) -> Path:
        """Where the environment's kubeconfig is written."""
        return self.folder / f"kubeconfig-{self.surroundings.stack}"

    def command(self, executable: Path) -> list[str]:
        """Return the command line, to be started in the lab's folder."""
        own = self.folder / self.surroundings.stack
        return [
            str(executable),
            f"--etcd-servers={_ETCD_CLIENTS}",
            f"--etcd-prefix=/{self.surroundings.stack}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port.getsockname()[1]}",
            "--permit-port-sharing",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={own}",
            f"--token-auth-file={own / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={own / 'service-accounts.key'}",
            f"--service-account-signing-key-file={own / 'service-accounts.key'}",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            # Both leave work to the controller manager, and there is none: Pods would wait for a service account, and
            # objects deleted in the foreground for the garbage collector.
            "--disable-admission-plugins=ServiceAccount",
            "--enable-garbage-collector=false",
        ]

    def fill(self) -> None:
        """Wait until the server is ready, create what runs in the cluster, and write the kubeconfig."""
        self.endpoint.wait_for("/readyz", _READY_SECONDS)
        for file in ("security_group_policy.yaml", "cluster_network_policy.yaml", "prometheus_rule.yaml"):
            for document in self._manifests(file):
                self.endpoint.create(document)
        for document in self._manifests("cluster.yaml"):
            if document["metadata"].get("namespace") == "kube-system":
                # The server makes this namespace itself, a moment after it is ready.
                self.endpoint.wait_for("/api/v1/namespaces/kube-system", _READY_SECONDS)
            self.endpoint.create(document)
        for version in (
            "vpcresources.k8s.aws/v1beta1",
            "policy.networking.k8s.io/v1alpha2",
            "monitoring.coreos.com/v1",
        ):
            self.endpoint.wait_for(f"/apis/{version}", _READY_SECONDS)
        self.endpoint.write_kubeconfig(self.kubeconfig, f"flash-ticket-{self.surroundings.stack}")

    def _manifests(self, file: str) -> list[dict[str, Any]]:
        text = (_OBJECTS / file).read_text().replace("{network}", self.surroundings.network)
        return list(yaml.safe_load_all(text))
