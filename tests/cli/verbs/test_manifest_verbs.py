"""``list``, ``diff`` and ``explain`` on directories of manifests, as a user calls them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from flash_ticket.cli.main import app
from tests.support.declared.kubernetes.objects import deployment, from_app, pod, policy

ROOT = Path(__file__).parents[2]
HTTP = {"name": "http", "containerPort": 8080}


def write(directory: Path, *objects: dict[str, Any]) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "all.yaml").write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    return directory


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write(
        tmp_path / "shop",
        deployment("api", [HTTP]),
        deployment("pay", [HTTP]),
        policy("pay", "pay", policyTypes=["Ingress", "Egress"], ingress=[from_app("api", {"port": "http"})]),
    )


def test_list_prints_the_connections_and_holds(shop: Path) -> None:
    result = run("list", "--dir", shop)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "0.0.0.0-255.255.255.255[External] => shop/api[Deployment] : All Connections",
        "shop/api[Deployment] => 0.0.0.0-255.255.255.255[External] : All Connections",
        "shop/api[Deployment] => shop/pay[Deployment] : TCP 8080",
    ]
    assert result.stderr == ""


@pytest.mark.parametrize("form", ["txt", "json", "csv", "md", "dot", "svg"])
def test_list_writes_every_format(shop: Path, form: str) -> None:
    result = run("list", "--dir", shop, "--output", form)
    assert result.exit_code == 0
    assert "shop/pay[Deployment]" in result.stdout


def test_ignored_objects_are_noted_on_stderr_and_not_in_the_listing(shop: Path) -> None:
    write(shop / "more", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}, {"no": "kind"})
    result = run("list", "--dir", shop)
    assert result.exit_code == 0
    assert "Secret default/s: this kind is ignored" in result.stderr
    assert "not a Kubernetes object (it has no kind)" in result.stderr
    assert "Secret" not in result.stdout


def test_policies_without_workloads_list_nothing_and_say_why(tmp_path: Path) -> None:
    result = run("list", "--dir", write(tmp_path / "d", policy("p")))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "these manifests hold no workload" in result.stderr


def test_diff_exits_0_without_and_1_with_differences(shop: Path, tmp_path: Path) -> None:
    open_ = write(tmp_path / "open", deployment("api", [HTTP]), deployment("pay", [HTTP]), policy("x", "none"))

    same = run("diff", "--dir", shop, "--dir", shop)
    other = run("diff", "--dir", shop, "--dir", open_)

    assert (same.exit_code, same.stdout) == (0, "no connection differs\n")
    assert other.exit_code == 1
    assert "changed  shop/api[Deployment] => shop/pay[Deployment] : TCP 8080 -> All Connections" in other.stdout


def test_policies_that_are_the_first_ones_are_a_diff_against_no_policy(shop: Path, tmp_path: Path) -> None:
    bare = write(tmp_path / "bare", deployment("api", [HTTP]), deployment("pay", [HTTP]))
    result = run("diff", "--dir", bare, "--dir", shop)

    assert result.exit_code == 1
    assert "changed  shop/api[Deployment] => shop/pay[Deployment] : All Connections -> TCP 8080" in result.stdout
    assert "removed  shop/pay[Deployment] => shop/api[Deployment] : All Connections" in result.stdout
    assert "NetworkPolicy: these manifests contain no NetworkPolicy, so nothing is restricted" in result.stderr


@pytest.mark.parametrize("form", ["dot", "svg"])
def test_a_diff_is_drawn_with_what_is_added_removed_and_changed(shop: Path, tmp_path: Path, form: str) -> None:
    bare = write(tmp_path / "bare", deployment("api", [HTTP]), deployment("pay", [HTTP]))
    result = run("diff", "--dir", bare, "--dir", shop, "--output", form)

    assert result.exit_code == 1
    assert "removed all ports" in result.stdout
    assert "all ports -&gt; TCP 8080" in result.stdout.replace("all ports -> TCP 8080", "all ports -&gt; TCP 8080")
    assert result.stdout.startswith("digraph {" if form == "dot" else "<svg")


@pytest.mark.parametrize("form", ["dot", "svg"])
def test_a_diff_without_a_difference_is_an_empty_drawing(shop: Path, form: str) -> None:
    result = run("diff", "--dir", shop, "--dir", shop, "--output", form)

    assert result.exit_code == 0
    assert (result.stdout == "digraph {\n}\n") if form == "dot" else "No connection differs." in result.stdout


INTERNET = "0.0.0.0-255.255.255.255[External]"
FOCUS = {
    ("--from", "api"): [
        f"shop/api[Deployment] => {INTERNET} : All Connections",
        "shop/api[Deployment] => shop/pay[Deployment] : TCP 8080",
    ],
    ("--to", "shop/pay"): ["shop/api[Deployment] => shop/pay[Deployment] : TCP 8080"],
    ("--from", "8.8.8.8"): [f"{INTERNET} => shop/api[Deployment] : All Connections"],
    ("--between", "api", "--between", "pay"): ["shop/api[Deployment] => shop/pay[Deployment] : TCP 8080"],
    ("--from", "pay"): [],
    ("--from", "api", "--to", "10.0.0.0/8"): [f"shop/api[Deployment] => {INTERNET} : All Connections"],
    ("--from", "api", "--from", "pay", "--to", "shop/pay[Deployment]"): [
        "shop/api[Deployment] => shop/pay[Deployment] : TCP 8080"
    ],
}


@pytest.mark.parametrize(("options", "expected"), FOCUS.items(), ids=map(" ".join, FOCUS))
def test_a_focus_lists_only_the_connections_asked_for(
    shop: Path, options: tuple[str, ...], expected: list[str]
) -> None:
    result = run("list", "--dir", shop, *options)

    assert (result.exit_code, result.stdout.splitlines()) == (0, expected)


@pytest.mark.parametrize("option", ["--from", "--to", "--between"])
def test_a_focus_on_what_is_not_there_is_bad_input(shop: Path, option: str) -> None:
    result = run("list", "--dir", shop, option, "pya")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"error: {option}: 'pya' is in no connection. Name a workload or a place, such as shop/pay[Deployment], "
        "or an address.\n"
    )


@pytest.mark.parametrize("form", ["json", "csv", "md", "dot", "svg"])
def test_a_focus_holds_in_every_format(shop: Path, form: str) -> None:
    result = run("list", "--dir", shop, "--to", "pay", "--output", form)

    assert result.exit_code == 0
    assert "shop/pay[Deployment]" in result.stdout
    assert "External" not in result.stdout


def test_diff_needs_two_directories(shop: Path) -> None:
    result = run("diff", "--dir", shop)
    assert (result.exit_code, result.stderr) == (
        2,
        "error: --dir: it is given once. Give it twice: before, then after.\n",
    )


def test_explain_names_the_policy_and_rule_that_allow_and_exits_0(shop: Path) -> None:
    result = run("explain", "api", "shop/pay", "http", "--dir", shop)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "shop/api[Deployment] => shop/pay[Deployment] : TCP 8080 passes",
        "  pod layer: passes",
        "    Egress: nothing governs shop/api[Deployment], so everything passes",
        f"    Ingress: allowed by shop/pay ingress[0] ({shop / 'all.yaml'})",
    ]


@pytest.mark.parametrize(
    ("source", "port", "reason"),
    [
        (
            "api",
            "443",
            "shop/pay governs shop/pay[Deployment]; shop/pay ingress[0] names shop/api[Deployment]",
        ),
        ("api", "udp/8080", "but not this port"),
        ("198.51.100.7", "8080", "and no rule names 198.51.100.7-198.51.100.7[External]"),
        ("10.0.0.0/8", "8000-8100", "and no rule names 10.0.0.0-10.255.255.255[External]"),
    ],
)
def test_explain_shows_why_a_connection_is_stopped_and_exits_1(shop: Path, source: str, port: str, reason: str) -> None:
    result = run("explain", source, "pay", port, "--dir", shop)
    assert result.exit_code == 1
    assert reason in result.stdout


def test_explain_in_json_holds_both_sides(shop: Path) -> None:
    found = json.loads(run("explain", "api", "pay", "8080", "--dir", shop, "--output", "json").stdout)
    assert found["passes"]
    (layer,) = found["layers"]
    assert layer["layer"] == "pod"
    assert [side["direction"] for side in layer["sides"]] == ["Egress", "Ingress"]
    assert layer["sides"][1]["rules"] == [{"owner": "shop/pay", "rule": "ingress[0]", "source": str(shop / "all.yaml")}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("pays", "api", "80"),
            "pays: no workload and no address has this name. Name one of the workloads, such as shop",
        ),
        (("api", "pay", "https"), "PORT: https: shop/pay[Deployment] has no port of this name. Use http or a number"),
        (("api", "pay", "0"), "PORT: 0: not a port or a range of ports"),
        (("api", "pay", "icmp/1"), "PORT: icmp/1: unknown protocol 'ICMP'"),
        (("api", "10.0.0.1", "http"), "PORT: http: an address has no named ports"),
    ],
)
def test_an_unknown_endpoint_or_port_is_bad_input_and_not_a_denial(
    shop: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = run("explain", *arguments, "--dir", shop)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_name_that_two_workloads_share_must_be_written_in_full(tmp_path: Path) -> None:
    directory = write(tmp_path / "d", deployment("api"), pod("api", namespace="other"), policy("p"))
    result = run("explain", "api", "other/api", "80", "--dir", directory)
    assert result.exit_code == 2
    assert "2 workloads have this name. Name one of: other/api[Pod], shop/api[Deployment]" in result.stderr


@pytest.mark.parametrize("verb", [["list"], ["diff", "--dir", "."], ["explain", "a", "b", "80"]])
def test_bad_input_exits_2_with_one_line(tmp_path: Path, verb: list[str]) -> None:
    result = run(*verb, "--dir", tmp_path / "missing")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr


def test_text_of_manifests_cannot_forge_lines_or_colours(shop: Path) -> None:
    write(shop / "more", {"apiVersion": "v1", "kind": "\x1b[31mEvil", "metadata": {"name": "a\nerror: forged"}})
    result = run("list", "--dir", shop)
    assert result.exit_code == 0
    assert "\\x1b[31mEvil default/a\\nerror: forged: this kind is ignored\n" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["=1+1", "\x1b[31ma", "a b", "a\nb => c : All Connections", "-a", "a|b", "<b>"])
def test_an_invalid_name_is_refused_before_it_is_shown(tmp_path: Path, name: str) -> None:
    result = run("list", "--dir", write(tmp_path / "d", pod(name), policy("p")))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "metadata.name: " in result.stderr
    assert "is not a name" in result.stderr
    assert result.stderr.rstrip("\n").isprintable()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_failed_write_of_the_answer_exits_2_with_one_line(shop: Path) -> None:
    command = [sys.executable, "-m", "flash_ticket.cli.main", "list", "--dir", str(shop)]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603  # our own command
    assert done.returncode == 2
    assert done.stderr.startswith("error: the answer cannot be written: ")
    assert done.stderr.count("\n") == 1


def administrator(peer: dict[str, Any]) -> dict[str, Any]:
    rule = {"action": "Deny", "to": [peer], "ports": [{"portNumber": {"port": 8080}}]}
    spec = {"priority": 1, "subject": {"namespaces": {}}, "egress": [rule]}
    version = "policy.networking.k8s.io/v1alpha1"
    return {"apiVersion": version, "kind": "AdminNetworkPolicy", "metadata": {"name": "quarantine"}, "spec": spec}


def test_policies_of_administrators_are_listed_explained_and_compared(shop: Path, tmp_path: Path) -> None:
    after = write(tmp_path / "after", *yaml.safe_load_all((shop / "all.yaml").read_text()), administrator(EVERYWHERE))

    assert "=> shop/pay[Deployment]" not in run("list", "--dir", after).stdout
    assert (
        "removed  shop/api[Deployment] => shop/pay[Deployment] : TCP 8080"
        in run("diff", "--dir", shop, "--dir", after).stdout
    )
    explained = run("explain", "api", "pay", "8080", "--dir", after)
    assert explained.exit_code == 1
    assert "Egress: denied by AdminNetworkPolicy quarantine egress[0]" in explained.stdout


EVERYWHERE: dict[str, Any] = {"namespaces": {}}


@pytest.mark.parametrize(
    "verb", [("list",), ("explain", "api", "pay", "80"), ("diff", "--dir", ".")], ids=lambda v: v[0]
)
def test_a_policy_that_cannot_be_judged_ends_with_one_line_instead_of_an_answer(
    shop: Path, verb: tuple[str, ...]
) -> None:
    write(shop / "admin", administrator({"nodes": {}}))
    result = run(*(str(shop) if each == "." else each for each in verb), "--dir", shop)

    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "AdminNetworkPolicy quarantine: spec.egress[0].to[0].nodes: this rule cannot be judged" in result.stderr


def test_list_shows_exposure_apart_from_the_connections(shop: Path) -> None:
    result = run("list", "--dir", shop, "--exposure", "--between", "api", "--between", "entire-cluster")

    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "",
        "Egress exposure to pods that these manifests do not hold:",
        "shop/api[Deployment] => entire-cluster : All Connections",
        "",
        "Ingress exposure to pods that these manifests do not hold:",
        "entire-cluster => shop/api[Deployment] : All Connections",
        "",
        "Workloads that no policy protects:",
        "shop/api[Deployment] is not protected on Egress",
        "shop/api[Deployment] is not protected on Ingress",
    ]
    found = json.loads(run("list", "--dir", shop, "--exposure", "--output", "json").stdout)
    assert {"src": "entire-cluster", "dst": "shop/api[Deployment]", "conn": "All Connections"}.items() <= next(
        each for each in found if each["src"] == "entire-cluster"
    ).items()


@pytest.mark.parametrize("form", ["csv", "md", "dot", "svg"])
def test_exposure_is_in_every_format(shop: Path, form: str) -> None:
    assert "entire-cluster" in run("list", "--dir", shop, "--exposure", "--output", form).stdout


def test_exposure_is_about_manifests() -> None:
    result = run("list", "--exposure")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: --exposure: this project always answers for pods that could be created")
