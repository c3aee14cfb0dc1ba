"""Each command that a page shows runs in a test, here or in another one, or the page marks it as not tried."""

import re
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.command.flash_firewall import copy_project, edit, run
from tests.support.docs.pages import ROOT
from tests.support.docs.runbook import ENGLISH, KOREAN, commands
from tests.support.verify.standing import shop, standing

_FENCE = re.compile(r"^( *)```(?:sh|text)?\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_ANY_FENCE = re.compile(r"^( *)```.*?^ *```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4,}(.+)$", re.MULTILINE)
_COMMAND = re.compile(r"^(?:\$ )?(?:uv run |\.venv/bin/)?((?:flash-firewall|pulumi|kubectl|python -m lab) .+)$")
_MARK = re.compile(r" # (?:not tried|미시험): ")

_API = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: flash-ticket}
spec:
  template:
    metadata: {labels: {app: flash-api}}
    spec: {containers: [{name: api, ports: [{containerPort: 4000}]}]}
"""

PAGES = sorted(
    {ROOT / "README.md", ROOT / "README.ko.md", ROOT / "examples/README.md", *(ROOT / "docs").glob("*.md")}
    - {ENGLISH, KOREAN, ROOT / "docs/demo.md"}
)
"""The commands of the runbook run in ``tests/on_lab/docs/test_runbook_on_lab.py``, those of the demo in the demo."""

HERE = (
    "flash-firewall check",
    "flash-firewall check --project examples/boutique",
    "flash-firewall diff --dir before --dir after",
    "flash-firewall diff --stack prod --since HEAD",
    "flash-firewall diff --stack prod --since main",
    "flash-firewall explain --inventory now.json 10.20.11.23 redis 6379",
    "flash-firewall explain --stack prod api 8.8.8.8 443",
    "flash-firewall explain --stack prod gateway redis 6379",
    "flash-firewall explain --stack prod pay redis 6379",
    "flash-firewall learn --dir networkpolicy/",
    "flash-firewall list --dir k8s --exposure",
    "flash-firewall list --dir k8s --from api --to 10.0.0.0/8",
    "flash-firewall list --project examples/boutique --stack prod",
    "flash-firewall list --stack prod",
    "flash-firewall list --stack prod --output html",
    "flash-firewall diff --stack prod --since main --output md",
    "flash-firewall render --stack dev --inventory inventory.json --out k8s/dev",
)
"""Commands that need no cluster and no account."""

RUNBOOK = "tests/on_lab/docs/test_runbook_on_lab.py"
ELSEWHERE = {
    "flash-firewall denied --stack prod --since 1h": RUNBOOK,
    "flash-firewall denied --stack prod --since 2h": RUNBOOK,
    "flash-firewall replay --stack prod --since 7d --matrix new.yaml": RUNBOOK,
    "flash-firewall verify --stack prod": RUNBOOK,
    'flash-firewall suspend 04-allow-egress-api --for 30m --reason "orders fail, cause unknown" --stack prod': RUNBOOK,
    "flash-firewall resume 04-allow-egress-api --stack prod": RUNBOOK,
    "flash-firewall rollback --stack prod": RUNBOOK,
    "flash-firewall rollback --to 7 --stack prod": RUNBOOK,
    "flash-firewall inventory --stack prod": RUNBOOK,
    "flash-firewall inventory --stack dev": RUNBOOK,
    "flash-firewall learn --stack prod --since 30d": "tests/cli/verbs/test_learn.py",
    "flash-firewall report --stack prod --since 1h --out night.html": "tests/cli/verbs/test_report.py",
    "flash-firewall report --stack prod --since 1h --language ko --out night.html": "tests/cli/verbs/test_report.py",
    "flash-firewall list --live --context prod": "tests/live/test_manifests.py",
    "flash-firewall list --live --cni vpc-cni": "tests/live/test_manifests.py",
    "flash-firewall diff --live --context prod --dir k8s": "tests/live/test_manifests.py",
    "flash-firewall render --stack dev --out k8s/dev": "tests/on_lab/operate/test_render.py",
    "kubectl apply -f k8s/dev --dry-run=client": "tests/on_lab/operate/test_render.py",
    "kubectl apply -f k8s/dev --dry-run=server": "tests/on_lab/operate/test_render.py",
    "kubectl apply -k k8s/dev": "tests/on_lab/operate/test_render.py",
    "kubectl delete networkpolicy --namespace flash-ticket allow-egress-external allow-egress-internal"
    " default-deny-egress default-deny-ingress": "tests/on_lab/projects/test_coming_from_yaml.py",
    "pulumi preview --stack dev": "tests/support/engine/life.py",
    "python -m lab packets --on-the-way": "tests/on_lab/packets/test_on_the_way.py",
    "python -m lab packets --stack prod --random 12 --seed 1 --enforcer kube-router --output json": (
        "tests/on_lab/packets/test_packets.py"
    ),
}
"""Other commands, and the file that runs each one, with other values for some options."""


def shown(page: Path) -> set[str]:
    """Return the commands of a page, without comments, redirections and what is marked as not tried."""
    text = page.read_text(encoding="utf-8")
    blocks = [dedent(block) for _, block in _FENCE.findall(text)]
    lines = [*"\n".join(blocks).splitlines(), *_INDENTED.findall(_ANY_FENCE.sub("", text))]
    found = (_COMMAND.match(line) for line in lines if not _MARK.search(line))
    return {re.split(r"\s+#\s|\s>\s", match[1])[0].strip() for match in found if match}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a repository, beside all that the commands name."""
    folder = copy_project(tmp_path_factory.mktemp("place") / "shop")
    before = (ROOT / "tests/firewall/compile/golden/dev/network-policies.yaml").read_text(encoding="utf-8")
    for name in ("before", "after", "k8s", "networkpolicy"):
        (folder / name).mkdir()
        (folder / name / "policies.yaml").write_text(before, encoding="utf-8")
    edit(folder / "after/policies.yaml", "port: 4000", "port: 4001")
    (folder / "k8s/api.yaml").write_text(_API, encoding="utf-8")
    for name in ("inventory.json", "now.json"):
        (folder / name).write_text(inventory_json(standing(shop()).inventory), encoding="utf-8")
    (folder / "examples").symlink_to(ROOT / "examples")
    identity = ("-c", "user.name=shop", "-c", "user.email=shop@example.com")
    for arguments in (("init", "--quiet", "--initial-branch=main"), ("add", "."), ("commit", "--quiet", "-m", "shop")):
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)  # noqa: S603, S607 - git
    return folder


@pytest.mark.parametrize("command", HERE)
def test_a_command_that_needs_no_cluster_runs_as_the_page_shows_it(
    place: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(place)
    arguments = command.split()[1:]
    if "now.json" in arguments:
        arguments += ["--stack", "dev"]

    result = run(*arguments)

    assert result.exit_code in {0, 1}, result.output
    assert result.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_command_of_a_page_runs_in_a_test_or_is_marked(page: Path) -> None:
    assert shown(page) - {*HERE, *ELSEWHERE} == set()


def test_the_lists_of_commands_hold_only_what_a_page_shows_and_tests_that_exist() -> None:
    every = set().union(*map(shown, PAGES))

    assert {*HERE, *ELSEWHERE} - every == set()
    assert [file for file in ELSEWHERE.values() if not (ROOT / file).exists()] == []


def test_the_runbook_has_each_verb_that_only_its_test_runs() -> None:
    tried = [each.text.split() for each in commands(ENGLISH) if not each.lacks]
    verbs = {verb for program, verb, *_ in tried if program == "flash-firewall"}

    assert {command.split()[1] for command, file in ELSEWHERE.items() if file == RUNBOOK} <= verbs
