"""A program that runs in the warm interpreter behaves like one that starts its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lab.running import child
from lab.running.warm_python import write_stand_in

REPOSITORY = Path(__file__).parents[3]
PROGRAM = """
import os, sys
print(sys.argv[1:], os.getcwd(), os.environ["ASKED"], sorted(os.environ) == sorted(eval(os.environ["NAMES"])))
print("to stderr", file=sys.stderr)
print("components" in sys.modules, "flash_ticket" in sys.modules, "kubernetes.config" in sys.modules)
print(sys.stdin.read())
import beside
sys.exit(beside.CODE)
"""
SLEEPER = """
import os, time, pathlib
pathlib.Path("pid").write_text(str(os.getpid()))
time.sleep(60)
"""


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a warm interpreter."""
    folder = tmp_path_factory.mktemp("warm")
    write_stand_in(folder)
    command = [sys.executable, "-m", "lab.running.warm_python", str(folder)]
    process = child.start(command, folder, "log", {"PYTHONPATH": str(REPOSITORY)})
    while not (folder / "python").exists():
        assert process.poll() is None, (folder / "log").read_text()
        time.sleep(0.05)
    yield folder
    process.kill()
    process.wait()


def written(folder: Path, program: str, code: int = 0) -> Path:
    """Write a program under the name that the language host's has, and a module beside it."""
    (folder / "beside.py").write_text(f"CODE = {code}\n")
    path = folder / "pulumi-language-python-exec"
    path.write_text(program)
    return path


def run(
    warm: Path, folder: Path, program: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in its folder, in the warm interpreter."""
    command = [str(warm / "bin" / "python3"), str(written(folder, program))]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - written above


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A folder that links to this repository."""
    for name in ("components", "flash_ticket"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    return tmp_path


@pytest.mark.parametrize("code", [0, 1, 32])
def test_arguments_folder_environment_streams_and_exit_code_are_as_in_an_interpreter_of_its_own(
    warm: Path, tmp_path: Path, code: int
) -> None:
    environment = {"ASKED": "yes", "PATH": os.environ["PATH"]}
    environment["NAMES"] = repr([*environment, "NAMES"])
    ran, own = (
        subprocess.run(  # noqa: S603 - written above
            [python, str(written(tmp_path, PROGRAM, code)), "--stack", "dev"],
            cwd=tmp_path,
            env=environment,
            input="from stdin",
            capture_output=True,
            text=True,
            check=False,
        )
        for python in (str(warm / "bin" / "python3"), sys.executable)
    )

    assert (ran.returncode, ran.stderr) == (own.returncode, own.stderr) == (code, "to stderr\n")
    assert "from stdin" in ran.stdout
    assert f"['--stack', 'dev'] {tmp_path} yes" in ran.stdout
    assert ran.stdout.splitlines()[1:] == own.stdout.splitlines()[1:]


def test_a_program_in_a_folder_that_links_to_this_repository_finds_its_modules_imported(
    warm: Path, linked: Path
) -> None:
    program = (
        "import sys\n"
        "print('flash_ticket.live.kubernetes_cluster' in sys.modules)\n"
        "from flash_ticket.live.kubernetes_cluster import config\n"
        "import kubernetes.config\n"
        "print(config is kubernetes.config, config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION)\n"
    )
    ran = run(warm, linked, program, {"PATH": os.environ["PATH"], "KUBECONFIG": "/of/the/program"})

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "True\nTrue /of/the/program\n", "")


def test_a_program_finds_the_modules_of_the_aws_sdk_loaded(warm: Path, tmp_path: Path) -> None:
    program = (
        "import re, sys\n"
        "from pathlib import Path\n"
        f"texts = [each.read_text() for each in Path({str(REPOSITORY / 'components')!r}).glob('*.py')]\n"
        "lines = re.findall('^from pulumi_aws import (.+)$', '\\n'.join(texts), re.MULTILINE)\n"
        "used = {'pulumi_aws.' + name for line in lines for name in line.split(', ')}\n"
        "loaded = [name for name in used if type(sys.modules[name]) is type(sys)]\n"
        "print(len(used) > 5, used - {*loaded})\n"
    )
    ran = run(warm, tmp_path, program)

    assert (ran.stdout, ran.stderr) == ("True set()\n", "")


def test_a_program_finds_all_components_imported_and_the_models_of_files_made(warm: Path, linked: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "files = pathlib.Path('components').glob('[!_]*.py')\n"
        "print([each.stem for each in files if f'components.{each.stem}' not in sys.modules])\n"
        "from flash_ticket.firewall.declare.binding import Binding\n"
        "print(Binding.__pydantic_complete__)\n"
    )
    ran = run(warm, linked, program)

    assert (ran.stdout, ran.stderr) == ("[]\nTrue\n", "")


def test_the_command_prints_the_same_in_the_warm_interpreter(warm: Path) -> None:
    own = [sys.executable, "-m", "flash_ticket.cli.main"]
    ran, alone = (
        subprocess.run(  # noqa: S603 - this project's own command
            [*command, "explain", "pay", "redis", "22", "--stack", "dev"],
            cwd=REPOSITORY,
            capture_output=True,
            check=False,
        )
        for command in ([str(warm / "bin" / "flash-firewall")], own)
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (alone.returncode, alone.stdout, alone.stderr)
    assert ran.returncode == 1


def test_an_error_ends_the_program_with_its_traceback(warm: Path, tmp_path: Path) -> None:
    ran = run(warm, tmp_path, "1 / 0")

    assert ran.returncode == 1
    assert ran.stderr.rstrip().endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_ended_program_leaves_nothing_behind_and_no_traceback(
    warm: Path, tmp_path: Path, number: signal.Signals
) -> None:
    command = [str(warm / "bin" / "python3"), str(written(tmp_path, SLEEPER))]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as asking:  # noqa: S603 - written above
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.02)
        asking.send_signal(number)
        assert asking.communicate()[1] == b""
    process = Path("/proc", (tmp_path / "pid").read_text())
    end = time.monotonic() + 20
    while process.exists() and "Z" not in (process / "stat").read_text().rpartition(")")[2][:3]:
        assert time.monotonic() < end, "the program still runs"
        time.sleep(0.02)


def test_without_the_warm_interpreter_python_starts_as_ever(tmp_path: Path) -> None:
    write_stand_in(tmp_path)
    command = [str(tmp_path / "bin" / "python3"), str(written(tmp_path, "print('ran')"))]

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "ran\n"  # noqa: S603 - written above
