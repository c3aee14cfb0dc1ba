"""What is no ordinary file in place of any input: one clear line, at once, and nothing that grows without end."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.cli.exit_status import TRACE_VARIABLE
from flash_ticket.firewall.compile.owner import NOBODY
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.kubernetes_cluster import KubernetesCluster
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.command.flash_firewall import copy_project, run
from tests.support.declared.accounts import ROOT
from tests.support.hostile.harmless import assert_harmless, refusal
from tests.support.hostile.recordings import AGENT_LINES, FLOW_LOG_TEXT, HUBBLE_LINES
from tests.support.traffic.incident import INVENTORY


def fifo(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def terminal(path: Path) -> None:
    path.symlink_to("/dev/tty")


def a_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the path of a socket has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def folder(path: Path) -> None:
    path.mkdir()


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def kernel(path: Path) -> None:
    path.symlink_to("/proc/self/mem")


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2 << 30)


UNUSUAL = [fifo, device, terminal, a_socket, folder, loop, dangling, kernel, huge]


def inputs(project: Path, named: Path) -> dict[str, tuple[Path, tuple[str | Path, ...]]]:
    """Return the place of each input, and the verb that reads it."""
    known = project / "known.json"
    known.write_text(inventory_json(INVENTORY), encoding="utf-8")
    log = project / "agent.log"
    log.write_text("\n".join(AGENT_LINES), encoding="utf-8")
    manifests = project / "manifests"
    manifests.mkdir()
    at = ("--stack", "dev", "--project", project)
    return {
        "traffic.yaml": (project / "traffic.yaml", ("check", *at)),
        "Pulumi.dev.yaml": (project / "Pulumi.dev.yaml", ("check", *at)),
        "settings of suspend": (
            project / "Pulumi.dev.yaml",
            ("suspend", "04-allow-egress-api", "--for", "1h", "--reason", "x", *at),
        ),
        "a manifest": (manifests / "a.yaml", ("list", "--dir", manifests)),
        "a file of manifests": (named, ("list", "--dir", named)),
        "a log": (named, ("denied", named, "--inventory", known, *at)),
        "an inventory": (named, ("denied", log, "--inventory", named, *at)),
        "a matrix": (named, ("replay", log, "--matrix", named, "--inventory", known, *at)),
    }


NAMES = (
    "traffic.yaml",
    "Pulumi.dev.yaml",
    "settings of suspend",
    "a manifest",
    "a file of manifests",
    "a log",
    "an inventory",
    "a matrix",
)
ORDINARY = {("a manifest", folder), ("a file of manifests", folder), ("a log", folder), ("a log", huge)}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param(name, make, id=f"{make.__name__}-{name}")
        for make in UNUSUAL
        for name in NAMES
        if (name, make) not in ORDINARY
    ],
)
def test_a_special_file_is_refused_in_one_line(make: Callable[[Path], None], name: str, tmp_path: Path) -> None:
    path, arguments = inputs(copy_project(tmp_path / "project"), tmp_path / "named.yaml")[name]
    if path.is_file():
        path.unlink()
    make(path)

    result = run(*arguments)

    assert_harmless(result)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1), result.stderr


@pytest.mark.parametrize("make", UNUSUAL, ids=[each.__name__ for each in UNUSUAL])
def test_a_pipe_or_device_as_kubeconfig_is_refused_in_one_line(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "config")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'config'}")
    for kubeconfig in (None, str(tmp_path / "config")):
        with pytest.raises(InputError) as refused:
            KubernetesCluster.connect(kubeconfig, None)
        refusal(refused.value)


NAMED = ("tokenFile", "client-certificate", "client-key", "certificate-authority")


@pytest.mark.parametrize("how", ["by path", "as content"])
@pytest.mark.parametrize("key", NAMED)
def test_a_pipe_that_a_kubeconfig_names_is_refused_in_one_line(key: str, how: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    shown: dict[str, dict[str, Any]] = {"cluster": {"server": "https://127.0.0.1:9"}, "user": {}}
    shown["cluster" if key == "certificate-authority" else "user"][key] = (
        "pipe" if how == "by path" else str(tmp_path / "pipe")
    )
    unused = {"name": "unused", "user": {"tokenFile": str(tmp_path / "pipe")}}
    content = yaml.safe_dump(
        {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
            "clusters": [{"name": "here", "cluster": shown["cluster"]}],
            "users": [unused, {"name": "here", "user": shown["user"]}],
        }
    )
    (tmp_path / "config").write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        KubernetesCluster.connect(str(tmp_path / "config") if how == "by path" else content, None)

    assert refusal(refused.value).startswith(f"{tmp_path / 'pipe'}: the file cannot be read, because this is a pipe")


THERE = [each for each in UNUSUAL if each is not dangling]
"""A settings file of AWS that is not there is no mistake."""


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
@pytest.mark.parametrize("make", THERE, ids=[each.__name__ for each in THERE])
def test_a_file_that_is_not_settings_of_aws_is_refused_in_one_line(
    make: Callable[[Path], None], variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "config")
    monkeypatch.setenv(variable, str(tmp_path / "config"))
    with pytest.raises(InputError) as refused:
        AwsAccount.connect("eu-west-1", None, NOBODY)
    refusal(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000,
        "{a: " * 1_000,
        "- " * 1_000,
        "a: 1\n\tb: 2\n",
        "[]\n\n",
        "just words\n\n",
        "clusters: 5\ncontexts: 6\n",
    ],
    ids=range(7),
)
def test_a_file_that_is_not_a_kubeconfig_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(text, encoding="utf-8")
    for kubeconfig in (str(tmp_path / "config"), f"{text}\n"):
        with pytest.raises(InputError) as refused:
            KubernetesCluster.connect(kubeconfig, None)
        assert len(refusal(refused.value)) < 700


@pytest.mark.parametrize(
    "text", ["\n".join(AGENT_LINES), "\n".join(HUBBLE_LINES), FLOW_LOG_TEXT], ids=["agent", "hubble", "flows"]
)
def test_a_log_whose_name_is_not_utf_8_is_read_or_refused_in_one_line(text: str, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    known = tmp_path / "known.json"
    known.write_text(inventory_json(INVENTORY), encoding="utf-8")
    log = tmp_path / os.fsdecode(b"caf\xe9 \xff.log")
    log.write_text(text, encoding="utf-8")

    result = run("denied", log, "--inventory", known, "--stack", "dev", "--project", project)

    assert_harmless(result)


def test_settings_at_the_empty_device_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "KUBECONFIG"):
        monkeypatch.setenv(variable, os.devnull)

    assert AwsAccount.connect("eu-west-1", None, NOBODY).region == "eu-west-1"
    with pytest.raises(InputError, match=r"Invalid kube-config"):
        KubernetesCluster.connect(None, None)


UNTIL = ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z"]


@pytest.mark.parametrize("quote", ["", "'"], ids=["plain", "quoted"])
@pytest.mark.parametrize("until", UNTIL)
def test_an_end_beyond_the_calendar_is_refused_in_one_line(until: str, quote: str, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    with (project / "Pulumi.dev.yaml").open("a", encoding="utf-8") as file:
        entry = f"policy: 04-allow-egress-api, until: {quote}{until}{quote}, reason: r, author: a"
        file.write(f"  flash-ticket-firewall:suspensions: [{{{entry}}}]\n")

    result = run("check", "--stack", "dev", "--project", project)

    assert_harmless(result)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1), result.stderr


def command(*arguments: str, **variables: str) -> str:
    """Run a shell command with the verbs of this checkout; return its errors, with its status first."""
    found = subprocess.run(  # noqa: S603 - our own code
        ["/bin/sh", "-c", *arguments, "sh", sys.executable],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{found.returncode}\n{found.stderr}"


CHECK = '"$1" -m flash_ticket.cli.main check --stack dev'


def test_a_closed_standard_output_is_one_line_and_bad_input() -> None:
    assert command(f"{CHECK} >&-") == "2\nerror: standard output is closed. Open it, such as with >/dev/null.\n"
    assert command(f"{CHECK} 2>&- >&-") == "2\n"


def test_an_endless_standard_input_is_refused_at_once(tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    known.write_text(inventory_json(INVENTORY), encoding="utf-8")
    for endless in ("yes", "cat /dev/zero"):
        said = command(f'{endless} | "$1" -m flash_ticket.cli.main denied - --stack dev --inventory {known}')
        assert said.startswith("2\nerror: standard input: is not a known kind of log.")


def test_a_folder_for_copies_that_is_not_there_is_one_line() -> None:
    said = command(
        'yes | head -c 100 | "$1" -m flash_ticket.cli.main denied - --stack dev --inventory x', TMPDIR="/proc"
    )
    assert said.splitlines()[0] == "2"
    assert len(said.splitlines()) == 2


@contextmanager
def a_fault(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> Iterator[None]:
    """Make check fail in an unforeseen way."""

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("flash_ticket.cli.verbs.check.checked", fail)
        yield


@pytest.mark.parametrize(
    "error", [ValueError("a\x1b[31m\nb"), KeyError("x"), RecursionError(), MemoryError(), AssertionError()], ids=repr
)
def test_what_nobody_has_foreseen_has_a_status_of_its_own_and_says_how_to_report_it(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_fault(monkeypatch, error):
        result = run("check", "--stack", "dev", "--project", ROOT)

    assert (result.exit_code, len(result.stderr.splitlines())) == (70, 1)
    assert result.stderr.startswith(f"error: unforeseen: {type(error).__name__} at test_unusual_files.py:")
    assert f"report it with this line and with what {TRACE_VARIABLE}=1 adds to it." in result.stderr
    assert result.stderr[:-1].isprintable()


def test_a_fault_shows_where_it_happened_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACE_VARIABLE, "1")
    with a_fault(monkeypatch, ValueError("x")):
        result = run("check", "--stack", "dev", "--project", ROOT)

    assert result.exit_code == 70
    assert result.stderr.startswith("Traceback")


def test_an_interrupt_is_no_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_fault(monkeypatch, KeyboardInterrupt()):
        result = run("check", "--stack", "dev", "--project", ROOT)

    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def test_a_verb_that_cannot_be_loaded_is_a_fault_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flash_ticket.cli.verbs.check", None)

    result = run("check", "--stack", "dev", "--project", ROOT)

    assert (result.exit_code, len(result.stderr.splitlines())) == (70, 1)
    assert result.stderr.startswith("error: unforeseen: ModuleNotFoundError")


def test_a_reader_that_ends_early_is_no_violation() -> None:
    assert command(f"(sleep 1; {CHECK}; echo $? >&2) | true") == "0\n141\n"


def test_a_closed_standard_input_is_one_line(tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    known.write_text(inventory_json(INVENTORY), encoding="utf-8")
    said = command(f'"$1" -m flash_ticket.cli.main denied - --stack dev --inventory {known} <&-')

    assert said == "2\nerror: -: standard input is closed. Pipe a log into this command, or name a file.\n"
