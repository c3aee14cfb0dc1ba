"""The process that owns a lab: it starts the servers, and ends them when its parent ends.

``python -m lab.running.supervisor FOLDER`` prints the addresses of the servers as one line of JSON. When its standard
input ends, it removes the folder and exits. That happens however its parent ends.
"""

import concurrent.futures
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from lab.kubernetes_api.servers import ApiServer, NodeSide, etcd_command
from lab.running import child
from lab.surroundings import SURROUNDINGS

_REPOSITORY = Path(__file__).parents[2]
_LOOK_SECONDS = 0.2
POOL_SOCKET = "providers"


def main() -> None:
    """Run a lab in the folder that the first argument names."""
    folder = Path(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    children: dict[str, subprocess.Popen[str]] = {}
    try:
        answer = _start(folder, children)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
    except ServerError as error:
        sys.stderr.write(f"{error}\n")
    except Exception:  # noqa: BLE001 - the waiting caller gets the error; the process ends below in any case
        traceback.print_exc()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child.end_marked(str(folder))
        for process in children.values():
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
        sys.stderr.flush()
        os._exit(0)  # threads may still wait for ended servers


class ServerError(Exception):
    """A server ended before it was ready; the error holds the end of its log."""


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _start(folder: Path, children: dict[str, subprocess.Popen[str]]) -> dict[str, str | dict[str, str]]:
    """Start everything, create the first objects, and print the addresses.

    Raises:
        ServerError: A server ends.
    """
    executables = json.loads((folder / "executables.json").read_text())
    sides = json.loads((folder / "nodes.json").read_text())
    nodes = {stack: NodeSide(address, Path(certificates)) for stack, (address, certificates) in sides.items()}
    servers = [ApiServer.prepare(each, folder, nodes.get(each.stack)) for each in SURROUNDINGS]
    environment = {"PYTHONPATH": str(_REPOSITORY), "NO_PROXY": "127.0.0.1"}
    aws = child.start([sys.executable, "-m", "lab.aws_api"], folder, "aws.log", environment, output=subprocess.PIPE)
    children["aws.log"] = aws
    warm = [sys.executable, "-m", "lab.running.warm_python", str(folder)]
    children["python.log"] = child.start(warm, folder, "python.log", environment)
    if "providers" in executables:
        pool = [executables["providers"], f"pool:{folder / POOL_SOCKET}"]
        children["providers.log"] = child.start(pool, folder, "providers.log")
    children["etcd.log"] = child.start(etcd_command(Path(executables["etcd"]), folder), folder, "etcd.log")
    for server in servers:
        log = f"kube-apiserver-{server.surroundings.stack}.log"
        children[log] = child.start(server.command(Path(executables["kube-apiserver"])), folder, log)
    threads = concurrent.futures.ThreadPoolExecutor()
    filled = [threads.submit(server.fill) for server in servers]
    endpoint = threads.submit(_first_line, aws)
    waiting: set[concurrent.futures.Future[Any]] = {*filled, endpoint}
    while waiting:
        finished, waiting = concurrent.futures.wait(waiting, _LOOK_SECONDS, concurrent.futures.FIRST_COMPLETED)
        for log, process in children.items():
            if process.poll() is not None:
                raise ServerError(f"a server ended with {process.returncode}: {(folder / log).read_text()[-2000:]}")
        for future in finished:
            future.result()
    kubeconfigs = {server.surroundings.stack: str(server.kubeconfig) for server in servers}
    return {"aws": endpoint.result(), "kubeconfigs": kubeconfigs}


def _first_line(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline().strip() if process.stdout else ""


if __name__ == "__main__":
    main()
