"""The author of a suspension comes from git, or else from the operating system."""

from pathlib import Path

import pytest

from flash_ticket.firewall.declare.fields import LONGEST_REASON
from flash_ticket.live.stack.git import author


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("LOGNAME", "night-shift")


def known(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(values)))
    for index, (key, value) in enumerate(values.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{index}", f"user.{key}")
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{index}", value)


def test_git_gives_name_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, name="On call", email="on-call@example.com")

    assert author() == "On call <on-call@example.com>"


def test_a_name_or_an_address_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, email="on-call@example.com")

    assert author() == "on-call@example.com"


def test_without_a_git_identity_the_operating_system_gives_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert author() == "night-shift"
    monkeypatch.setenv("PATH", "/nowhere")
    assert author() == "night-shift"


def test_a_name_of_any_length_fits_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, name="x" * 1000)

    assert len(author()) == LONGEST_REASON


def test_a_name_in_another_encoding_becomes_readable_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes("[user]\n\tname = Andr\u00e9\n".encode("latin-1"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))

    assert author() == "Andr?"
