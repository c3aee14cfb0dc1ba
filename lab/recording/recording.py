"""Record one stack for a while: proxies in front of both APIs, and the variables that point the engine at them."""

import contextlib
import datetime as dt
import resource
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from lab.recording.aws import AwsApi
from lab.recording.fault import Fault, How
from lab.recording.journal import Journal
from lab.recording.kubernetes import KubernetesApi
from lab.recording.message import Handler
from lab.recording.proxy import Upstream, proxied
from lab.recording.surveyor import Standing, Surveyor
from lab.running import child
from lab.running.lab import Lab

_DAY = dt.timedelta(days=1)
_LEFT = 512
"""The bytes that a file of the engine may still hold on a full disk: fewer than any state needs."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording, and the variables for an engine to record.

    Attributes:
        journal: Its writes.
        variables: The environment variables for `lab.running.engine.Engine`.
    """

    journal: Journal
    variables: dict[str, str]


class Caller(Protocol):
    """Runs the engine with limited rights."""

    @property
    def token(self) -> str:
        """The token for the cluster; empty for that of an administrator."""

    def before(self, handler: Handler) -> Handler:
        """Return a handler that passes on to AWS only what the caller may do."""


@contextmanager
def recorded(  # noqa: PLR0913, PLR0917 - most calls give only the first three
    lab: Lab,
    stack: str,
    namespace: str,
    fault: Fault | None = None,
    incidents: Mapping[How, Callable[[], None]] | None = None,
    environment: str = "",
    caller: Caller | None = None,
) -> Iterator[Recording]:
    """Record every write to the APIs of one environment for the length of a block.

    Args:
        lab: The lab that runs the environment.
        stack: ``dev`` or ``prod``.
        namespace: The namespace that the firewall protects.
        fault: The fault to inject, if any.
        incidents: What a fault does outside the APIs, such as start a rival. Killing the engine and filling the disk
            are known: they hit every process that runs with the recording's variables.
        environment: The environment of AWS, if it is not that of the stack's name.
        caller: Who runs the engine, if not an administrator.
    """
    kubeconfig = yaml.safe_load(lab.kubeconfigs[stack].read_text())
    cluster = kubeconfig["clusters"][0]["cluster"]
    trust = ssl.create_default_context(cafile=cluster["certificate-authority"])
    with ExitStack() as held:
        own = Path(held.enter_context(TemporaryDirectory(dir=lab.folder)))
        certificate = _certificate(own)
        kill = partial(child.end_marked, str(own))
        fill = partial(_fill_disk, str(own))
        harm: dict[How, Callable[[], None]] = {
            How.KILL: kill,
            How.KILL_BEFORE: kill,
            How.DISK_FULL: fill,
            **(incidents or {}),
        }
        journal = Journal(Standing(Surveyor.of(lab, stack, environment), namespace), fault, harm)
        identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        identity.load_cert_chain(certificate)
        kubernetes = Upstream(cluster["server"], trust)
        server = held.enter_context(proxied(kubernetes, partial(journal.handle, KubernetesApi()), identity))
        handle: Handler = partial(journal.handle, AwsApi())
        aws = held.enter_context(proxied(Upstream(lab.aws_endpoint, None), caller.before(handle) if caller else handle))
        cluster |= {"server": server, "certificate-authority": str(certificate)}
        if caller and caller.token:
            kubeconfig["users"][0]["user"] = {"token": caller.token}
        (own / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
        (own / "kubeconfig").chmod(0o600)
        yield Recording(journal, {"KUBECONFIG": str(own / "kubeconfig"), "AWS_ENDPOINT_URL": aws, child.MARK: str(own)})


def _certificate(folder: Path) -> Path:
    """Write a key and its certificate for the loopback address, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "recording")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "recording.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    path.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    path.chmod(0o600)
    return path


def _fill_disk(mark: str) -> None:
    """Limit the engines with a mark to a few bytes for each file that they write, their state's included.

    It needs no privileges. The kernel then returns EFBIG and not ENOSPC (setrlimit(2), RLIMIT_FSIZE); the engine treats
    both like any error in writing. This destroys a state in files: the engine replaces it with the part that it could
    write, and replaces the backup the next time. The engine's plugins and its program have no such limit.
    """
    for process in child.find_marked(mark):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if Path(f"/proc/{process}/comm").read_text().strip() == "pulumi":
                resource.prlimit(process, resource.RLIMIT_FSIZE, (_LEFT, _LEFT))
