"""A stack previewed and updated from the command line, as whoever runs the command would do it."""

from dataclasses import dataclass
from pathlib import Path

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.operate.pulumi_command import run_pulumi


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack of the program in a folder, deployed by the Pulumi CLI; its output goes where ours goes.

    Attributes:
        folder: Where Pulumi.yaml is.
        stack: By Pulumi's name: ``dev`` or ``organization/project/dev``.
    """

    folder: Path
    stack: str

    def preview(self) -> None:
        """Run ``pulumi preview`` to its end.

        Raises:
            InputError: There is no Pulumi, or the preview failed; what it said has been shown.
        """
        self._run("preview")

    def up(self, *resources: str) -> None:
        """Run ``pulumi up`` to its end, without asking.

        Args:
            resources: The only ones to change, by the ends of their names; without any, all.

        Raises:
            InputError: There is no Pulumi, or the update failed; what it said has been shown.
        """
        targets = [part for each in resources for part in ("--target", f"**{each}")]
        self._run("up", "--yes", "--skip-preview", *targets)

    def _run(self, verb: str, *arguments: str) -> None:
        code = run_pulumi(self.folder, verb, *arguments, "--stack", self.stack, captured=False).returncode
        if code:
            raise InputError(f"pulumi {verb}", "", f"it ended with {code}", "Mend what it says above")
