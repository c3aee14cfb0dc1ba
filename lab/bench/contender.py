"""One of several Pulumi programs that take the same steps on a lab, and what each step takes of it."""

import ctypes
import os
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.running.aws_session import aws_client
from lab.running.engine import Engine, Result
from lab.running.interrupts import take_interrupts
from lab.running.lab import Lab

PREVIEW, UP, PREVIEW_AGAIN, ONE_FLOW, DESTROY = "preview", "up", "preview again", "one flow changed", "destroy"
STEPS = (PREVIEW, UP, PREVIEW_AGAIN, ONE_FLOW, DESTROY)

_MIB = 1024
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
# The lab's AWS loads a service at its first question, which takes a second: no contender should wait for that.
_FIRST_QUESTIONS = {
    "athena": "list_work_groups",
    "ec2": "describe_vpcs",
    "eks": "list_clusters",
    "glue": "get_databases",
    "iam": "list_roles",
    "kms": "list_keys",
    "logs": "describe_log_groups",
    "s3": "list_buckets",
    "sts": "get_caller_identity",
}

# In the engine's path in place of Python, it runs a program and notes what it took.
_MEASURING = """#!{python} -SI
import os, resource, subprocess, sys
done = subprocess.run(["{python}", *sys.argv[1:]]).returncode
if any("pulumi-language-python-exec" in each for each in sys.argv):
    took = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open("{noted}", "w") as file:
        file.write(f"{{took.ru_utime + took.ru_stime}} {{took.ru_maxrss}}")
sys.exit(done)
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one step of a program took.

    Attributes:
        seconds: From the start of the command to its end.
        all_processor: Seconds of the processor that program, engine and providers took.
        processor: Seconds of the processor that the program alone took; ``destroy`` runs no program.
        memory: The most memory of the program, in MiB.
        resources: How many resources the engine stepped through.
    """

    seconds: float
    all_processor: float
    processor: float
    memory: float
    resources: int


class Contender:
    """One of the programs, as one stack."""

    def __init__(self, lab: Lab, stack: str, folder: Path) -> None:
        """Make the stack of the program in a folder, which the engine may write into."""
        self._noted = folder.with_suffix(".noted")
        path = folder.with_suffix(".bin")
        path.mkdir()
        python = path / "python3"
        python.write_text(_MEASURING.format(python=sys.executable, noted=self._noted))
        python.chmod(0o755)
        variables = lab.unshared()
        self._engine = Engine(lab, stack, folder, {**variables, "PATH": f"{path}:{variables['PATH']}"})
        self._engine.make_stack()

    def take(self, step: str) -> Taken:
        """Take a step, and return what it took."""
        self._noted.write_text("0 0")
        before = _processor_of_children()
        result: Result = {
            PREVIEW: self._engine.preview,
            UP: self._engine.up,
            PREVIEW_AGAIN: self._engine.preview,
            ONE_FLOW: self._engine.up,
            DESTROY: self._engine.destroy,
        }[step]().checked()
        whole = _processor_of_children() - before
        processor, memory = map(float, self._noted.read_text().split())
        return Taken(result.seconds, whole, processor, memory / _MIB, len({each.urn for each in result.steps}))


def prepare(lab: Lab) -> None:
    """Make a lab and this process ready for fair measurements."""
    take_interrupts()
    if sys.platform == "linux":  # an engine leaves its providers behind, and the kernel counts only children
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for service, question in _FIRST_QUESTIONS.items():
        getattr(aws_client(lab.aws_endpoint, service), question)()


def _processor_of_children() -> float:
    """Return the seconds of the processor that all ended children of this process took, with those below them."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    took = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took.ru_utime + took.ru_stime
