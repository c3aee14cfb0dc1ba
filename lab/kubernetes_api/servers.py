"""etcd and the API servers: their flags, their credentials and their first objects."""

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
_READY_SECONDS = 180.0
# Sockets in the working folder of etcd and the API servers: no port can collide, and nobody else can connect.
_ETCD_CLIENTS = "unix://etcd:1"
_ETCD_PEERS = "unix://etcd:2"


def etcd_command(executable: Path, folder: Path) -> list[str]:
    """Return the command line of etcd, to run in ``folder``."""
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


def kubeconfig_path(folder: Path, stack: str) -> Path:
    """Return the path of a stack's kubeconfig in the lab's folder."""
    return folder / f"kubeconfig-{stack}"


@dataclass(frozen=True, slots=True)
class NodeSide:
    """What an API server needs to know of the node of its cluster.

    Attributes:
        address: The node's address. The server also listens there, for pods.
        certificates: The folder with the certificate that the server shows to kubelet: ``client.crt``, ``client.key``.
    """

    address: str
    certificates: Path

    def flags(self) -> list[str]:
        """Return the API server's flags."""
        return [
            "--bind-address=0.0.0.0",
            f"--advertise-address={self.address}",
            f"--kubelet-client-certificate={self.certificates / 'client.crt'}",
            f"--kubelet-client-key={self.certificates / 'client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
        ]


_DEFINITIONS = (
    "security_group_policy.yaml",
    "cluster_network_policy.yaml",
    "application_network_policy.yaml",
    "prometheus_rule.yaml",
)
_ALONE = [
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    # The cache of each kind of object wakes up every second: half of the work of a server that waits. The programs of a
    # node watch many kinds and need the caches; here, few clients read from etcd.
    "--watch-cache=false",
]


@dataclass(frozen=True, slots=True)
class ApiServer:
    """The API server of one environment.

    Attributes:
        surroundings: The environment.
        folder: The lab's folder. The server runs in it; its files are in a subfolder named after the stack.
        endpoint: Its future address.
        port: A bound socket that reserves the port until the server takes it.
        services: The range of the addresses of Services.
        node: The cluster's node; None for a cluster without one.
    """

    surroundings: Surroundings
    folder: Path
    endpoint: KubernetesEndpoint
    port: socket.socket
    services: str = SERVICE_CIDR
    node: NodeSide | None = None

    @classmethod
    def prepare(
        cls, surroundings: Surroundings, folder: Path, node: NodeSide | None = None, services: str = SERVICE_CIDR
    ) -> "ApiServer":
        """Choose a port and write the credentials."""
        own = folder / surroundings.stack
        own.mkdir()
        port = socket.socket()
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        port.bind(("127.0.0.1", 0))
        token = secrets.token_urlsafe()
        (own / "tokens.csv").write_text(f'{token},lab,lab,"system:masters"\n')
        key = ec.generate_private_key(ec.SECP256R1())
        # The server reads elliptic-curve keys only in this format.
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        (own / "service-accounts.key").write_bytes(pem)
        host = node.address if node else "127.0.0.1"
        endpoint = KubernetesEndpoint(f"https://{host}:{port.getsockname()[1]}", token, own / "apiserver.crt")
        return cls(surroundings, folder, endpoint, port, services, node)

    @property
    def kubeconfig(self) -> Path:
        """The path of the environment's kubeconfig."""
        return kubeconfig_path(self.folder, self.surroundings.stack)

    def command(self, executable: Path) -> list[str]:
        """Return the command line, to run in the lab's folder."""
        own = self.folder / self.surroundings.stack
        return [
            str(executable),
            f"--etcd-servers={_ETCD_CLIENTS}",
            f"--etcd-prefix=/{self.surroundings.stack}",
            *(self.node.flags() if self.node else _ALONE),
            f"--secure-port={self.port.getsockname()[1]}",
            "--permit-port-sharing",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={own}",
            f"--token-auth-file={own / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={own / 'service-accounts.key'}",
            f"--service-account-signing-key-file={own / 'service-accounts.key'}",
            f"--service-cluster-ip-range={self.services}",
            # Both plugins leave work to the controller manager, and the lab has none: Pods would wait for a service
            # account, and objects deleted in the foreground would wait for the garbage collector.
            "--disable-admission-plugins=ServiceAccount",
            "--enable-garbage-collector=false",
            "--enable-priority-and-fairness=false",  # a server with a few clients does not have to count who waits
        ]

    def fill(self) -> None:
        """Wait until the server is ready, create the cluster's objects, and write the kubeconfig."""
        self.endpoint.wait_for("/readyz", _READY_SECONDS)
        for file in _DEFINITIONS:
            for document in self._manifests(file):
                self.endpoint.create(document)
        for document in self._manifests("cluster.yaml"):
            if document["metadata"].get("namespace") == "kube-system":
                # The server creates this namespace itself, a moment after it is ready.
                self.endpoint.wait_for("/api/v1/namespaces/kube-system", _READY_SECONDS)
            self.endpoint.create(document)
        for version in (
            "vpcresources.k8s.aws/v1beta1",
            "policy.networking.k8s.io/v1alpha2",
            "networking.k8s.aws/v1alpha1",
            "monitoring.coreos.com/v1",
        ):
            self.endpoint.wait_for(f"/apis/{version}", _READY_SECONDS)
        self.endpoint.write_kubeconfig(self.kubeconfig, f"flash-ticket-{self.surroundings.stack}")

    def _manifests(self, file: str) -> list[dict[str, Any]]:
        text = (_OBJECTS / file).read_text().replace("{network}", self.surroundings.network)
        return list(yaml.safe_load_all(text))
