"""A proof in words: one line when it holds, a table of what to mend when it does not."""

from collections.abc import Sequence

from segmentation.proof import Blur, Proof, Violation

_HEADINGS = ("from", "to", "ports", "layer", "what is wrong", "what decides", "what to change")


def proof_text(proof: Proof) -> str:
    """Return the summary, what no layer can tell apart, and the violations."""
    lines = [_summary(proof), *(_blur(blur) for blur in proof.blurs)]
    if proof.violations:
        lines += ["", *_table([_HEADINGS, *(_row(violation) for violation in proof.violations)])]
    return "\n".join(lines)


def _summary(proof: Proof) -> str:
    if not proof.holds:
        count = len(proof.violations)
        return f"The proof does not hold: {count} connection{'s are' if count > 1 else ' is'} not as declared."
    return (
        f"The proof holds: {proof.declared:,} declared connections pass both layers, and of the undeclared ones "
        f"{proof.stopped[2]:,} are stopped by both and {proof.stopped[1]:,} by one."
    )


def _blur(blur: Blur) -> str:
    return (
        f"Neither layer can stop {blur.source} -> {blur.destination} : {blur.ports}; it looks like something declared."
    )


def _row(violation: Violation) -> tuple[str, ...]:
    decides = "; ".join(str(side) for side in violation.sides)
    return (
        violation.source,
        violation.destination,
        str(violation.ports),
        violation.layer.value,
        violation.fault.value,
        decides,
        violation.remedy,
    )


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
