"""A Python that has imported the SDKs already, and runs each program and each command in a process forked off it.

Importing the SDKs takes half of a program's time. ``python -m lab.running.warm_python FOLDER`` waits at the socket
``python`` in the folder, and imports them once, for the first program: many labs run none. The engine's language host
starts `STAND_IN` under the name ``python3``, and who types ``flash-firewall`` on the lab starts `COMMAND`: each hands
its arguments, environment, folder and standard streams over, and ends with the program. The project's own modules are
kept aside, for the command and for programs whose folder links to this repository; every other program imports those of
its own folder.
"""

import ast
import gc
import importlib
import json
import os
import random
import runpy
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from lab.surroundings import REGION

_REPOSITORY = Path(__file__).parents[2]
_SOCKET, _ENTRY = "python", "command.py"
_OWN = ("components", "flash_ticket", "lab")
_READS_ENVIRONMENT = ("kubernetes.config",)  # it looks at KUBECONFIG when it is imported
_OF_THE_COMMAND = ("flash_ticket.cli.main", "pulumi.automation")  # beside what the program imports
_LOADED_LATE = (
    *(f"pulumi_aws.{name}" for name in ("athena", "cloudwatch", "ec2", "glue", "iam", "kms", "s3", "vpc")),
    "pulumi_kubernetes.meta.v1",
)
_CRASHED, _INTERRUPTED = 70, 130

STAND_IN = """#!/bin/sh
# A Pulumi program runs in the interpreter that has imported the SDKs already; everything else starts Python itself.
case "$1" in
*/pulumi-language-python-exec) [ -S {socket} ] && exec {python} -I -S {client} "$@" ;;
esac
exec {python} "$@"
"""
COMMAND = """#!/bin/sh
# The command runs there, too.
[ -S {socket} ] && exec {python} -I -S {client} {entry} "$@"
exec {python} {entry} "$@"
"""
ENTRY = """import sys
sys.path.insert(0, "{repository}")
sys.argv[0] = "{command}"
from flash_ticket.cli.main import app
sys.exit(app())
"""
CLIENT = f"""import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(os.path.join(os.path.dirname(sys.argv[0]), "{_SOCKET}"))
    socket.send_fds(server, [b" "], [0, 1, 2])
    asked = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
    server.sendall(json.dumps(asked).encode() + b"\\n")
    try:
        answer = server.recv(1)
    except KeyboardInterrupt:  # the engine interrupts its program when a resource fails
        sys.exit({_INTERRUPTED})
sys.exit(answer[0] if answer else {_CRASHED})
"""


def write_stand_in(folder: Path) -> None:
    """Write a ``python3`` for the engine, and ``flash-firewall``, into ``bin`` of the lab's folder."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    client, entry, command = folder / "python-client.py", folder / _ENTRY, bin_folder / "flash-firewall"
    client.write_text(CLIENT)
    entry.write_text(ENTRY.format(repository=_REPOSITORY, command=command))
    for script, text in ((bin_folder / "python3", STAND_IN), (command, COMMAND)):
        script.write_text(text.format(socket=folder / _SOCKET, python=sys.executable, client=client, entry=entry))
        script.chmod(0o755)


def main() -> None:
    """Serve until the process ends."""
    folder = Path(sys.argv[1])
    own: Mapping[str, ModuleType] = {}
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended programs need no look
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / ".python"))
        server.listen()
        (folder / ".python").rename(folder / _SOCKET)
        while True:
            connection, _ = server.accept()
            own = own or _import_sdks()
            with connection:
                if os.fork() == 0:
                    server.close()
                    _run(connection, own)


def _import_sdks() -> dict[str, ModuleType]:
    """Import what a program and the command import, and return the project's own modules, which are no longer there."""
    sys.path.insert(0, str(_REPOSITORY))
    program = ast.parse((_REPOSITORY / "__main__.py").read_text())
    imported = [each.module for each in program.body if isinstance(each, ast.ImportFrom) and each.module]
    declared = (f"components.{file.stem}" for file in (_REPOSITORY / "components").glob("[!_]*.py"))
    for name in (*imported, *declared, *_OF_THE_COMMAND):
        importlib.import_module(name)
    for name in _LOADED_LATE:
        # An SDK loads its module when somebody asks for something in it, not when it is imported.
        getattr(importlib.import_module(name), "__all__", None)
    # The SDK sends some 300 messages for debugging, each a call that waits for the engine, which drops it.
    importlib.import_module("pulumi.log").__dict__["debug"] = lambda *_, **__: None
    _keep_service_models()
    _keep_file_models()
    own = {
        name: sys.modules.pop(name)
        for name in list(sys.modules)
        if name.partition(".")[0] in _OWN or name.startswith(_READS_ENVIRONMENT)
    }
    for name in own:
        package, _, inner = name.rpartition(".")
        if package in sys.modules:
            delattr(sys.modules[package], inner)
    sys.path.remove(str(_REPOSITORY))
    gc.collect()
    gc.freeze()
    return own


def _put_back(own: Mapping[str, ModuleType]) -> None:
    """Put the project's own modules back; those that look at the environment look at it again."""
    sys.modules.update(own)
    for name, module in own.items():
        package, _, inner = name.rpartition(".")
        if package:
            setattr(sys.modules[package], inner, module)
    for name in own:
        if name.startswith(_READS_ENVIRONMENT):
            importlib.reload(sys.modules[name])


def _imports_ours(program: Path, folder: Path) -> bool:
    """Return whether a program would import the modules of this repository: the command, and a linked folder's."""
    links = [folder / name for name in ("components", "flash_ticket")]
    return program.name == _ENTRY or all(link.resolve() == _REPOSITORY / link.name for link in links)


def _keep_service_models() -> None:
    """Keep what the AWS SDK reads of its descriptions. Reading that of EC2 takes longer than a program's calls."""
    session = importlib.import_module("flash_ticket.live.asking.aws_session").AwsSession(REGION, None)
    for service in ("sts", "ec2", "eks"):
        session.client(service, aws_access_key_id="lab", aws_secret_access_key="lab")  # noqa: S106 - they ask nothing


def _keep_file_models() -> None:
    """Have pydantic make its models of files, which it otherwise does when it first reads one."""
    for model in importlib.import_module("flash_ticket.firewall.declare.validation").FileModel.__subclasses__():
        model.model_rebuild()


def _run(connection: socket.socket, own: Mapping[str, ModuleType]) -> None:
    """Run one program as the process that asked would, answer with its exit code, and end."""
    first, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("r") as lines:
        asked = json.loads(first.decode() + lines.readline())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    _open_streams()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    random.seed()
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = asked["arguments"]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    if _imports_ours(Path(sys.argv[0]), Path.cwd()):
        _put_back(own)
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    code = 1
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the interpreter prints it, whatever it is
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([code]))
    os._exit(code)


def _open_streams() -> None:
    """Open the standard streams again, as an interpreter does at its start: the old ones remember what they were."""
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it stays open as long as the process
    sys.stdout = open(1, "w", 1 if os.isatty(1) else -1, closefd=False)  # noqa: SIM115 - as above
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115 - as above


def _end_with(connection: socket.socket) -> None:
    """End this process at once when the process that asked has ended."""
    connection.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
