"""The process that owns a lab: it starts the servers, and ends them when its parent ends.

``python -m lab.running.supervisor FOLDER`` prints a line of JSON when the lab runs, with the address of its AWS. Each
line of its standard input is a stack: it starts that stack's API server, and prints another line when it runs. When its
standard input ends, it removes the folder and exits. That happens however its parent ends.
"""

import concurrent.futures
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass, field
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
        servers = Servers(folder, json.loads((folder / "orders.json").read_text()), children)
        _answer({"aws": servers.start()})
        for line in sys.stdin:
            servers.start_cluster(line.strip())
            _answer({})
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


def _answer(answer: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


class ServerError(Exception):
    """A server ended before it was ready; the error holds the end of its log."""


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


@dataclass
class Servers:
    """The servers of a lab.

    Attributes:
        folder: The lab's folder.
        orders: ``executables`` by name, the ``nodes`` of stacks (address, folder of certificates), and the ``clusters``
            to start at once. The others start when they are asked for: most tests need one of them or none.
        children: The running processes by the names of their logs.
    """

    folder: Path
    orders: dict[str, Any]
    children: dict[str, subprocess.Popen[str]]
    _threads: concurrent.futures.Executor = field(default_factory=concurrent.futures.ThreadPoolExecutor)

    def start(self) -> str:
        """Start everything, create the first objects, and return the address of AWS.

        Raises:
            ServerError: A server ends.
        """
        executables = self.orders["executables"]
        environment = {"PYTHONPATH": str(_REPOSITORY), "NO_PROXY": "127.0.0.1"}
        api = [sys.executable, "-m", "lab.aws_api"]
        aws = child.start(api, self.folder, "aws.log", environment, output=subprocess.PIPE)
        self.children["aws.log"] = aws
        warm = [sys.executable, "-m", "lab.running.warm_python", str(self.folder)]
        self.children["python.log"] = child.start(warm, self.folder, "python.log", environment)
        if "providers" in executables:
            pool = [executables["providers"], f"pool:{self.folder / POOL_SOCKET}"]
            self.children["providers.log"] = child.start(pool, self.folder, "providers.log")
        etcd = etcd_command(Path(executables["etcd"]), self.folder)
        self.children["etcd.log"] = child.start(etcd, self.folder, "etcd.log")
        filled = [self._started_cluster(stack) for stack in self.orders["clusters"]]
        address = self._threads.submit(_first_line, aws)
        self._wait_for({*filled, address})
        return address.result()

    def start_cluster(self, stack: str) -> None:
        """Start the API server of a stack, and create its first objects.

        Raises:
            ServerError: A server ends.
        """
        self._wait_for({self._started_cluster(stack)})

    def _started_cluster(self, stack: str) -> concurrent.futures.Future[Any]:
        (surroundings,) = (each for each in SURROUNDINGS if each.stack == stack)
        sides = {name: NodeSide(address, Path(folder)) for name, (address, folder) in self.orders["nodes"].items()}
        server = ApiServer.prepare(surroundings, self.folder, sides.get(stack))
        command = server.command(Path(self.orders["executables"]["kube-apiserver"]))
        log = f"kube-apiserver-{stack}.log"
        self.children[log] = child.start(command, self.folder, log)
        return self._threads.submit(server.fill)

    def _wait_for(self, waiting: set[concurrent.futures.Future[Any]]) -> None:
        while waiting:
            finished, waiting = concurrent.futures.wait(waiting, _LOOK_SECONDS, concurrent.futures.FIRST_COMPLETED)
            for log, process in self.children.items():
                if process.poll() is not None:
                    end = (self.folder / log).read_text()[-2000:]
                    raise ServerError(f"a server ended with {process.returncode}: {end}")
            for future in finished:
                future.result()


def _first_line(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline().strip() if process.stdout else ""


if __name__ == "__main__":
    main()
