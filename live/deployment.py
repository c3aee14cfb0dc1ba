"""Running an update of a stack from the command line, as whoever runs the command would run it."""

from dataclasses import dataclass
from pathlib import Path

from live.pulumi_command import run_pulumi
from segmentation.input_error import InputError


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack of the program in a folder, deployed by the Pulumi CLI; its output goes where ours goes.

    Attributes:
        folder: Where Pulumi.yaml is.
        stack: By Pulumi's name: ``dev`` or ``organization/project/dev``.
    """

    folder: Path
    stack: str

    def up(self, *resources: str) -> None:
        """Run ``pulumi up`` to its end, without asking.

        Args:
            resources: The only ones to change, by the ends of their names; without any, all.

        Raises:
            InputError: There is no Pulumi, or the update failed; what it said has been shown.
        """
        targets = [part for each in resources for part in ("--target", f"**{each}")]
        told = ("up", "--yes", "--skip-preview", "--stack", self.stack, *targets)
        code = run_pulumi(self.folder, *told, captured=False).returncode
        if code:
            raise InputError("pulumi up", "", f"it ended with {code}", "Mend what it says above")
