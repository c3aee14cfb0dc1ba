from pathlib import Path

import pytest

from lab.toolchain.cache import Cache
from lab.toolchain.prometheus import PrometheusError, prometheus, promtool


def executable(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_what_is_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = executable(tmp_path / "bin", "promtool", "true")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    assert promtool(Cache(tmp_path / "cache")) == installed
    assert not (tmp_path / "cache").exists()


def test_a_machine_without_apt_reports_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(PrometheusError, match="no apt-get and no dpkg-deb"):
        promtool(Cache(tmp_path))


def test_a_package_that_cannot_be_fetched_is_reported_in_apts_words_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(tmp_path / "bin", "apt-get", "echo 'E: no route to host' >&2; exit 100")
    executable(tmp_path / "bin", "dpkg-deb", "true")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    with pytest.raises(PrometheusError, match="apt-get update fails: E: no route to host"):
        promtool(Cache(tmp_path / "cache"))
    assert not list((tmp_path / "cache").glob("prom*"))


def test_only_the_two_programs_are_kept_of_the_package_and_it_is_fetched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    executable(tmp_path / "bin", "apt-get", f"echo call >> {calls}; : > prometheus_1_amd64.deb")
    unpack = 'mkdir -p "$3/usr/bin"; : > "$3/usr/bin/promtool"; : > "$3/usr/bin/prometheus"; : > "$3/usr/bin/tsdb"'
    executable(tmp_path / "bin", "dpkg-deb", f"PATH=/usr/bin:/bin; {unpack}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    cache = Cache(tmp_path / "cache")
    first = promtool(cache)

    assert promtool(cache) == first
    assert prometheus(cache) == first.with_name("prometheus")
    assert sorted(path.name for path in first.parent.iterdir()) == ["prometheus", "promtool"]
    assert calls.read_text() == "call\n"
