"""A folder of rendered files: proven as they will be read, and replaced as a whole or not at all."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flash_ticket.firewall.analyse.manifests.directory import MANIFESTS
from flash_ticket.firewall.analyse.names.reading import is_for_names
from flash_ticket.firewall.compile.rendered import RenderedManifests, rendered_manifests
from flash_ticket.firewall.prove.administrators import NO_ADMINISTRATORS, Administrators
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall
from flash_ticket.firewall.prove.proof import Proof, prove
from flash_ticket.firewall.terms.input_error import InputError, shown
from flash_ticket.firewall.terms.notice import Notice
from flash_ticket.firewall.terms.yaml.reader import read_yaml
from flash_ticket.operate.one_at_a_time import one_at_a_time
from flash_ticket.report.rendered import MARK, head_line, rendered_texts

_FRESH, _FORMER = ".rendering", ".replaced"
_LONGEST_HEAD = 1 << 14


@dataclass(frozen=True, slots=True)
class Rendering:
    """The rendered files of one firewall, before anything is written.

    Attributes:
        head: The first line of each file.
        texts: The text of each file by its name.
        proof: The proof of the policies, as they are read from these texts.
        left_out: What belongs to the firewall and is in no file, with the reason.
    """

    head: str
    texts: Mapping[str, str]
    proof: Proof
    left_out: tuple[Notice, ...]

    @staticmethod
    def of(
        firewall: CompiledFirewall,
        group_ids: Mapping[str, str],
        administrators: Administrators = NO_ADMINISTRATORS,
    ) -> "Rendering":
        """Return the files of a firewall, as declared: without suspensions.

        Args:
            firewall: The firewall in its environment.
            group_ids: The id of each group of the stack that exists, by the service's or load balancer's name.
            administrators: The policies of administrators in the cluster, as far as known.

        Raises:
            InputError: A policy has the name of a file that kustomize reads.
        """
        matrix, environment = firewall.matrix, firewall.environment
        found = rendered_manifests(matrix, environment, firewall.pods, firewall.vpc, group_ids)
        texts = rendered_texts(found.files, firewall.vpc, matrix.namespace, environment.name)
        proof = prove(matrix, environment, tuple(_policies(found, texts)), firewall.vpc, administrators)
        return Rendering(head_line(matrix.namespace, environment.name), texts, proof, found.left_out)


def _policies(found: RenderedManifests, texts: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """Yield the NetworkPolicies as a reader of the files gets them."""
    for file in found.files:
        for _, content in read_yaml(texts[file.name], file.name, MANIFESTS):
            if isinstance(content, dict) and (content["kind"] == "NetworkPolicy" or is_for_names(content)):
                yield content


@dataclass(frozen=True, slots=True)
class FolderChange:
    """What a rendering changed in its folder: the names of files, sorted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderedFolder:
    """A folder that holds only what was rendered for one stack.

    Attributes:
        named: The folder, as the user names it.
    """

    named: Path
    _path: Path = field(init=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "_path", self.named.resolve())
        except (OSError, ValueError, RuntimeError):
            raise self._refused("this path cannot be used", "Name a new folder") from None

    def replace(self, rendering: Rendering) -> FolderChange:
        """Make the folder hold exactly the rendered files, and return what changed.

        A new folder is written beside it and takes its place, so that a fault leaves the old files or the new ones.

        Raises:
            InputError: The folder holds something else, or it cannot be written.
        """
        try:
            if self._path == self._path.parent or (self._path.exists() and not self._path.is_dir()):
                raise self._refused("it is not a folder for rendered files", "Name a new folder")
            if not self._path.parent.is_dir():
                raise self._refused(f"there is no folder {shown(str(self._path.parent))}", "Make it first")
            with one_at_a_time(self._path.parent):
                self._finish_earlier()
                before = self._files(rendering.head)
                change = _compared(before, rendering.texts)
                if change.added or change.changed or change.removed:
                    self._swap(rendering.texts)
        except OSError as error:
            problem = f"it cannot be written ({error.strerror or error}), and is as it was"
            raise self._refused(problem, "Make room and the folder above it writable, or name another") from None
        return change

    def _files(self, head: str) -> dict[str, bytes]:
        """Return the present files by name.

        Raises:
            InputError: The folder holds a file that was not rendered for this stack.
        """
        if not self._path.exists():
            return {}
        found: dict[str, bytes] = {}
        foreign: list[str] = []
        for entry in sorted(self._path.iterdir()):
            first = _first_line(entry)
            if first == head.encode():
                found[entry.name] = entry.read_bytes()
            elif first is not None and first.startswith(MARK.encode()):
                whose = first.decode(errors="replace").removeprefix(f"{MARK} ").partition(". ")[0]
                remedy = "Name a folder of its own for each stack"
                raise self._refused(f"{entry.name} was rendered {whose}, and not for this stack", remedy)
            else:
                foreign.append(entry.name)
        if foreign:
            names = ", ".join(foreign[:3]) + (f" and {len(foreign) - 3} more" if len(foreign) > 3 else "")  # noqa: PLR2004 - three are enough to know them
            problem = f"it holds what this command did not render: {names}"
            raise self._refused(problem, "Move that away, or name a folder that is empty or new")
        return found

    def _beside(self, ending: str) -> Path:
        return self._path.with_name(f".{self._path.name}{ending}")

    def _finish_earlier(self) -> None:
        """Put right what a killed command left: the old folder if nothing took its place, and the new one's remains."""
        former, fresh = self._beside(_FORMER), self._beside(_FRESH)
        if former.is_dir():
            if self._path.exists():
                shutil.rmtree(former)
            else:
                former.rename(self._path)
        if fresh.is_dir():
            shutil.rmtree(fresh)

    def _swap(self, texts: Mapping[str, str]) -> None:
        fresh, former = self._beside(_FRESH), self._beside(_FORMER)
        with _removed_after(fresh):
            fresh.mkdir()
            for name, text in texts.items():
                (fresh / name).write_bytes(text.encode())
            if not self._path.exists():
                fresh.rename(self._path)
                return
            shutil.copymode(self._path, fresh)
            self._path.rename(former)
            try:
                fresh.rename(self._path)
            except BaseException:
                former.rename(self._path)
                raise
        shutil.rmtree(former, ignore_errors=True)

    def _refused(self, problem: str, remedy: str) -> InputError:
        return InputError("--out", str(self.named), problem, remedy)


@contextmanager
def _removed_after(folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        if folder.exists():
            with suppress(OSError):
                shutil.rmtree(folder)


def _first_line(path: Path) -> bytes | None:
    """Return the first line of a regular file, without its end; None for everything else."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as opened:
        return opened.readline(_LONGEST_HEAD).rstrip(b"\r\n")


def _compared(before: Mapping[str, bytes], after: Mapping[str, str]) -> FolderChange:
    both = sorted(before.keys() & after.keys())
    return FolderChange(
        tuple(sorted(after.keys() - before.keys())),
        tuple(name for name in both if before[name] != after[name].encode()),
        tuple(sorted(before.keys() - after.keys())),
        tuple(name for name in both if before[name] == after[name].encode()),
    )
