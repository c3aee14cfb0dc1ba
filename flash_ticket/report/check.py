"""The proofs of several stacks written down."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from flash_ticket.report.answer_format import AnswerFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flash_ticket.firewall.compiled_firewall import CompiledFirewall
    from flash_ticket.firewall.prove.proof import Proof
    from flash_ticket.firewall.prove.violation import Violation

    Checked = Sequence[tuple[CompiledFirewall, Proof]]


def checked(proofs: "Checked", form: AnswerFormat) -> str:
    """Return the proofs in a form, each with its stack's name and the settings that do not do what they seem to."""
    return _json(proofs) if form is AnswerFormat.JSON else _text(proofs)


def _text(proofs: "Checked") -> str:
    from flash_ticket.firewall.terms.escape import escaped  # noqa: PLC0415 - the form alone is asked for at every start
    from flash_ticket.report.proof import proof_text  # noqa: PLC0415 - as above

    lines = []
    for firewall, proof in proofs:
        lines.append(f"{escaped(firewall.environment.name)}: {proof_text(proof)}")
        lines += [escaped(f"{firewall.environment.name}: warning: {trap}") for trap in firewall.traps()]
    return "\n".join(lines) + "\n"


def _json(proofs: "Checked") -> str:
    return (
        json.dumps(
            [
                {
                    "stack": firewall.environment.name,
                    "holds": proof.holds,
                    "declared": proof.declared,
                    "stopped_by_layers": {str(layers): count for layers, count in proof.stopped.items()},
                    "violations": [_violation(violation) for violation in proof.violations],
                    "indistinguishable": [
                        {"src": blur.source, "dst": blur.destination, "ports": str(blur.ports)} for blur in proof.blurs
                    ],
                    "warnings": [asdict(trap) for trap in firewall.traps()],
                }
                for firewall, proof in proofs
            ],
            indent=2,
        )
        + "\n"
    )


def _violation(violation: "Violation") -> dict[str, object]:
    return {
        "src": violation.source,
        "dst": violation.destination,
        "ports": str(violation.ports),
        "layer": violation.layer.value,
        "fault": violation.fault.value,
        "decides": [str(side) for side in violation.sides],
        "remedy": violation.remedy,
    }
