"""What `python -m lab packets` refuses before it starts a node."""

import argparse

import pytest

from lab.packets import command


def exit_code_of(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.packets(parser.parse_args(arguments))


def test_moments_are_measured_of_an_agent(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of("--moments", "--enforcer", "kube-router") == 2
    assert capsys.readouterr().err == "lab: --moments measures an agent: give --enforcer aws or --enforcer cilium\n"


def test_both_layers_need_the_plug_in_that_gives_pods_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of("--layers", "both", "--enforcer", "cilium") == 2
    assert "--layers both needs the VPC CNI" in capsys.readouterr().err


def test_what_cilium_lacks_here_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "missing", lambda enforcer: f"{enforcer} needs clang")
    assert exit_code_of("--enforcer", "cilium") == 2
    assert capsys.readouterr().err == "lab: cilium needs clang: packets cannot be tried here\n"


@pytest.mark.parametrize("asked", [("--restarts", "1"), ("--mode", "strict")])
def test_restarts_are_measured_of_the_agent_of_aws(asked: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(*asked, "--enforcer", "cilium") == 2
    assert "give --enforcer aws" in capsys.readouterr().err
