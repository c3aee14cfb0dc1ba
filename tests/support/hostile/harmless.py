"""Attacks that others can write into a name, a label or a line, and checks that answers are harmless."""

from pathlib import Path

from typer.testing import Result

from flash_ticket.firewall.terms.input_error import InputError

ATTACKS = {
    "a terminal's colour": "\x1b[31;5m",
    "a link that says something else": "\x1b]8;;http://evil.example\x1b\\bank\x1b]8;;\x1b\\",
    "a control sequence in one character": "\x9b2J",
    "text that runs backwards": "\u202egnp.exe\u2066",
    "what nobody sees": "a\u200bb\u2060c\ufeff\u00ad\u3164\U000e0041",
    "another line": "x\r\nholds\u2028\u0085\x0b\x0c",
    "a bell and a zero": "\x07\x00\x7f\x08\x08\x08",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>&quot;\"'>",
    "the end of a drawing": "]]></svg><svg onload='alert(1)'>--><!--",
    "a document's link": "[x](javascript:alert(1))![x](http://evil.example) | a | `b` **c**",
    "the end of a graph's text": '" URL="http://evil.example" x="\\" \\',
    "a tag of YAML": "!!python/object/apply:os.system ['true']",
    "an alias of YAML": "&a [*a, *a]",
    "a formula": '=HYPERLINK("http://evil.example";"x")',
    "a formula behind a blank": " \t@SUM(1+1)*cmd|' /C calc'!A0",
    "a formula behind a semicolon": "x;=1+1",
    "a path upwards": "../../../../etc/passwd",
    "a template of Prometheus": '{{ printf "%s" $labels }} {0} {problem} %s',
    "half a character": "\ud83d",
    "much of it": "A" * 5000,
}
"""The attacks, by description."""

EVERYTHING = "=" + "".join(text for name, text in ATTACKS.items() if name not in {"half a character", "much of it"})
"""Almost all attacks in one text, for the many places that are tried in turn."""


def refusal(error: InputError) -> str:
    """Return the text of an error, which must be one harmless line."""
    message = str(error)
    assert message.isprintable(), message
    return message


def assert_harmless(result: Result) -> str:
    """Assert that a verb ended as documented and its output is harmless; return its standard output."""
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code in {0, 1, 2}
    if result.exit_code == 2:
        assert result.stdout == ""
        assert result.stderr.splitlines()[-1].startswith("error: ")
    for shown in (result.stdout, result.stderr):
        # splitlines would also split at characters other than \n, which must not occur here.
        assert all(line.lstrip("\t").isprintable() for line in shown.split("\n")), shown
    return result.stdout


def written(folder: Path, name: str, content: str | bytes) -> Path:
    """Write a file, with lone surrogates unchanged; return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return path
