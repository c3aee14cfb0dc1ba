"""Running an update of a stack from the command line, as whoever runs the command would run it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

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
        command = ["pulumi", "up", "--yes", "--skip-preview", "--stack", self.stack, *targets]
        try:
            code = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, check=False).returncode  # noqa: S603 - a fixed command of the user's own pulumi
        except FileNotFoundError:
            raise InputError("pulumi", "", "it is not installed", "Install the Pulumi CLI") from None
        if code:
            raise InputError("pulumi up", "", f"it ended with {code}", "Mend what it says above")
