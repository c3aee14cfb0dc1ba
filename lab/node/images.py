"""Container images, made here: nothing can be fetched inside an enclosure."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAUSE = "flash.lab/pause:1"
SHELL = "flash.lab/shell:1"
_APPLETS = ("cat", "echo", "httpd", "ls", "mkdir", "nc", "nslookup", "sh", "sleep", "timeout", "wget")
# The static wget of Debian's busybox has no working limit of time of its own.
_CURL = b"""#!/bin/sh
# The part of curl that the shop's checks use: curl --silent --show-error --max-time SECONDS URL
timeout "$4" wget -qO- "$5" && exit 0
status=$?
if [ $status = 143 ] || [ $status = 124 ]; then
  echo "curl: (28) Connection timed out after $4 s" >&2
  exit 28
fi
echo "curl: (7) Failed to connect to $5" >&2
exit 7
"""
_TYPE = "application/vnd.oci.image"


def write_images(path: Path, busybox: Path, bash: Path) -> None:
    """Write one OCI archive with both images.

    Args:
        path: Where to write it.
        busybox: The static executable that pods find most commands in.
        bash: The static executable that opens connections where a probe asks for it.
    """
    tools = {"bin/busybox": busybox.read_bytes(), "bin/bash": bash.read_bytes(), "bin/curl": _CURL}
    blobs: dict[str, bytes] = {}
    manifests = [
        _image(blobs, PAUSE, tools, ["/bin/busybox", "sleep", "2147483647"]),
        _image(blobs, SHELL, tools, ["/bin/sh"]),
    ]
    files = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": _json({"schemaVersion": 2, "manifests": manifests}),
        **{f"blobs/sha256/{digest}": content for digest, content in blobs.items()},
    }
    path.write_bytes(_tar(files))


def _image(blobs: dict[str, bytes], name: str, files: Mapping[str, bytes], command: list[str]) -> dict[str, Any]:
    links = {f"bin/{applet}": "busybox" for applet in _APPLETS}
    layer = _blob(blobs, _tar(files, links), f"{_TYPE}.layer.v1.tar")
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": command, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    described = _blob(blobs, _json(config), f"{_TYPE}.config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": f"{_TYPE}.manifest.v1+json", "config": described, "layers": [layer]}
    annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
    return {**_blob(blobs, _json(manifest), f"{_TYPE}.manifest.v1+json"), "annotations": annotations}


def _blob(blobs: dict[str, bytes], content: bytes, media_type: str) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    blobs[digest] = content
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _tar(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return written.getvalue()
