import os
import platform
import shutil
import sys
from pathlib import Path

import pytest

from lab.enclosure import cgroups, needs
from lab.toolchain.node_kits import Enforcer


@pytest.fixture(autouse=True)
def fitting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that has everything up to the programs that are tried last."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(needs, "_FILES", ())
    monkeypatch.setattr(needs, "_KERNEL_TYPES", tmp_path)
    monkeypatch.setattr(needs, "_CGROUPS", tmp_path)
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "cgroup.procs").touch()
    return tmp_path


def test_another_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert needs.missing() == "a node needs Linux on x86-64"


def test_a_user_without_rights_gets_a_message_about_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert needs.missing() == "a node needs root"


def test_missing_programs_are_named_with_the_target_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name in ("runc", "ipset") else f"/usr/bin/{name}")
    assert needs.missing() == "a node needs runc, ipset: run `make node-packages`"


def test_a_kernel_without_its_types_is_named(monkeypatch: pytest.MonkeyPatch, fitting: Path) -> None:
    monkeypatch.setattr(needs, "_KERNEL_TYPES", fitting / "btf")
    assert needs.missing() == f"a node needs a kernel that says its types in {fitting / 'btf'}"


def test_control_groups_of_version_2_are_named(fitting: Path) -> None:
    (fitting / "memory" / "cgroup.procs").unlink()
    assert "control groups of version 1" in needs.missing()


def test_what_the_kernel_refuses_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "_ENCLOSED", ("sh", "-c"))
    monkeypatch.setattr(needs, "_TRIED", "echo first >&2; echo unknown filesystem >&2; false")
    assert needs.missing() == "a node needs namespaces, BPF, veth and traffic control: unknown filesystem"


def test_control_groups_that_cannot_be_made_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_name: str) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(needs, "_ENCLOSED", ("true",))
    monkeypatch.setattr(cgroups, "make", refuse)
    assert needs.missing() == "a node needs to make control groups: read-only"


def test_what_cilium_needs_beside_is_asked_for_cilium_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "clang" else f"/usr/bin/{name}")
    monkeypatch.setattr(needs, "_lacking", lambda: iter(()))
    assert needs.missing(Enforcer.CILIUM).startswith("Cilium compiles its programs for the kernel with clang")
    assert (needs.missing(Enforcer.AWS), needs.missing(Enforcer.KUBE_ROUTER)) == ("", "")


def test_cilium_needs_control_groups_of_version_2(monkeypatch: pytest.MonkeyPatch, fitting: Path) -> None:
    monkeypatch.setattr(needs, "_lacking", lambda: iter(()))
    monkeypatch.setattr(cgroups, "_ROOT", fitting)
    assert needs.missing(Enforcer.CILIUM) == f"Cilium needs control groups of version 2, in a folder below {fitting}"
