"""The process that owns a lab: it starts the servers, and ends them when whoever asked for the lab is gone.

``python -m lab.supervisor FOLDER`` says on standard output, in one line of JSON, where the servers listen. It ends, and
removes the folder, when its standard input ends, which happens however its parent does.
"""

import concurrent.futures
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from lab import child
from lab.kubernetes_api.servers import ApiServer, etcd_command
from lab.surroundings import SURROUNDINGS

_REPOSITORY = Path(__file__).parent.parent


def main() -> None:
    """Run a lab in the folder named by the first argument."""
    folder = Path(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    children: list[subprocess.Popen[str]] = []
    try:
        answer = _start(folder, children)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for process in children:
            process.kill()
        child.end_marked(str(folder))
        for process in children:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _start(folder: Path, children: list[subprocess.Popen[str]]) -> dict[str, str | dict[str, str]]:
    """Start everything, fill it and say where it is."""
    executables = json.loads((folder / "executables.json").read_text())
    servers = [ApiServer.prepare(surroundings, folder) for surroundings in SURROUNDINGS]
    environment = {"PYTHONPATH": str(_REPOSITORY)}
    aws = child.start([sys.executable, "-m", "lab.aws_api"], folder, "aws.log", environment, output=subprocess.PIPE)
    children.append(aws)
    children.append(child.start(etcd_command(Path(executables["etcd"]), folder), folder, "etcd.log"))
    for server in servers:
        command = server.command(Path(executables["kube-apiserver"]))
        children.append(child.start(command, folder, f"kube-apiserver-{server.surroundings.stack}.log"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(ApiServer.fill, servers))
    endpoint = aws.stdout.readline().strip() if aws.stdout else ""
    if not endpoint:
        raise RuntimeError(f"the AWS endpoint does not start: {(folder / 'aws.log').read_text()[-2000:]}")
    return {"aws": endpoint, "kubeconfigs": {server.surroundings.stack: str(server.kubeconfig) for server in servers}}


if __name__ == "__main__":
    main()
