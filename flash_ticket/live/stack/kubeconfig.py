"""The files that the Kubernetes client reads to connect: the kubeconfig, and what a context of it names.

The client reads them without a limit. A pipe in place of one of them would make it wait forever.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from kubernetes import config

from flash_ticket.firewall.terms.regular_file import refuse_unusual

_LARGEST = 10 << 20
_NAMED = {
    "user": ("tokenFile", "client-certificate", "client-key"),
    "cluster": ("certificate-authority",),
}
"""The keys that name a file, by the part of a context (kubernetes.config.kube_config, FileOrData)."""


def refuse_endless_files(kubeconfig: str | None, context: str | None) -> None:
    """Refuse files that the client might read without end: a pipe, a device, or a very large file.

    A file that does not exist, or that is not a kubeconfig, is left to the client.

    Args:
        kubeconfig: A path, or the content of the file. None uses KUBECONFIG or ``~/.kube/config``.
        context: A context of that file. None uses its current context.

    Raises:
        InputError: A file is one of them, or it cannot be read.
    """
    if kubeconfig and "\n" in kubeconfig:
        documents = [(Path(), _parsed(kubeconfig))]
    else:
        named = kubeconfig or os.environ.get("KUBECONFIG") or config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION
        paths = [Path(name).expanduser() for name in named.split(os.pathsep) if name]
        refuse_unusual(paths, _LARGEST)
        documents = [(path.parent, _parsed(path.read_bytes())) for path in paths if path.is_file()]
    chosen = context or next((each["current-context"] for _, each in documents if each.get("current-context")), None)
    refuse_unusual(_files(documents, chosen), _LARGEST)


def _parsed(text: str | bytes) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _files(documents: list[tuple[Path, Mapping[str, Any]]], chosen: object) -> Iterator[Path]:
    """Yield the files that a context names; a relative name starts at the folder of its kubeconfig."""
    context = next((each for _, document in documents for each in _entries(document, "context", chosen)), {})
    for part, keys in _NAMED.items():
        for folder, document in documents:
            for entry in _entries(document, part, context.get(part)):
                yield from (folder / entry[key] for key in keys if isinstance(entry.get(key), str))


def _entries(document: Mapping[str, Any], part: str, name: object) -> Iterator[Mapping[str, Any]]:
    """Yield the contexts, clusters or users with a name."""
    listed = document.get(f"{part}s")
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and each.get("name") == name and isinstance(each.get(part), dict):
            yield each[part]
