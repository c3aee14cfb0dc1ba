"""A folder of rendered files: proven as it is read, replaced as a whole or not at all, and nothing of others lost."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.compile.pod_layer import PodFirewall
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.operate.rendered_folder import FolderChange, RenderedFolder, Rendering
from tests.support.declared.at_random.matrices import shops
from tests.support.verify.standing import shop

SHOP = shop()
RENDERING = Rendering.of(SHOP, {})
FEWER = replace(RENDERING, texts={name: text for name, text in RENDERING.texts.items() if not name.startswith("04-")})
HEAD = RENDERING.head


def held(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@given(shop=shops())
def test_the_proof_of_the_files_is_the_proof_of_the_firewall(shop: tuple[Matrix, Environment]) -> None:
    firewall = compile_firewall(*shop)

    assert Rendering.of(firewall, {}).proof == firewall.proof()


def test_a_file_that_opens_more_than_is_declared_fails_the_proof() -> None:
    first, second, *others = SHOP.pods.allows
    wider = replace(first, rules=(*first.rules, *second.rules))

    assert not Rendering.of(
        replace(SHOP, pods=PodFirewall((wider, second, *others), SHOP.pods.default_deny)), {}
    ).proof.holds


def test_a_new_folder_holds_exactly_the_rendered_files(tmp_path: Path) -> None:
    change = RenderedFolder(tmp_path / "out").replace(RENDERING)

    assert held(tmp_path / "out") == RENDERING.texts
    assert change == FolderChange(added=tuple(sorted(RENDERING.texts)))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_second_rendering_changes_nothing_and_touches_no_file(tmp_path: Path) -> None:
    RenderedFolder(tmp_path / "out").replace(RENDERING)
    before = {path: path.stat() for path in (tmp_path / "out", *(tmp_path / "out").iterdir())}
    change = RenderedFolder(tmp_path / "out").replace(RENDERING)

    assert change == FolderChange(unchanged=tuple(sorted(RENDERING.texts)))
    assert {path: path.stat() for path in before} == before


def test_a_rendering_names_what_it_adds_changes_and_removes(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    RenderedFolder(folder).replace(FEWER)
    (folder / "00-default-deny.yaml").write_text(f"{HEAD}\nedited: by hand\n")
    grown = RenderedFolder(folder).replace(RENDERING)
    shrunk = RenderedFolder(folder).replace(FEWER)
    egress = ("04-allow-egress-api.yaml", "04-allow-egress-gateway.yaml", "04-allow-egress-pay.yaml")

    assert (grown.added, grown.changed, grown.removed) == (egress, ("00-default-deny.yaml",), ())
    assert (shrunk.added, shrunk.changed, shrunk.removed) == ((), (), egress)
    assert held(folder) == FEWER.texts


FOREIGN: Mapping[str, str] = {
    "README.md": "ours",
    ".gitkeep": "",
    "secret.yaml": "# Rendered by hand\nkind: Secret\n",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_folder_with_a_file_of_others_is_refused_and_stays_as_it_is(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    RenderedFolder(folder).replace(FEWER)
    (folder / name).write_text(FOREIGN[name])

    with pytest.raises(InputError, match="it holds what this command did not render: ") as refused:
        RenderedFolder(folder).replace(RENDERING)

    assert name in str(refused.value)
    assert held(folder) == {**FEWER.texts, name: FOREIGN[name]}


def test_a_folder_with_a_folder_or_a_link_in_it_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(f"{HEAD}\n")
    (tmp_path / "out" / "more").mkdir(parents=True)
    (tmp_path / "out" / "link.yaml").symlink_to(outside)

    with pytest.raises(InputError, match=r"did not render: link\.yaml, more"):
        RenderedFolder(tmp_path / "out").replace(RENDERING)


def test_the_folder_of_another_stack_is_refused(tmp_path: Path) -> None:
    RenderedFolder(tmp_path / "out").replace(Rendering.of(shop("prod"), {}))

    with pytest.raises(InputError, match="was rendered for flash-ticket, stack prod, and not for this stack"):
        RenderedFolder(tmp_path / "out").replace(RENDERING)


@pytest.mark.parametrize("steps", range(3))
def test_a_fault_in_the_middle_leaves_the_folder_as_it_was(
    steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    RenderedFolder(folder).replace(FEWER)
    _fail_after(steps, monkeypatch)

    with pytest.raises(InputError, match="it cannot be written"):
        RenderedFolder(folder).replace(RENDERING)

    monkeypatch.undo()
    assert held(folder) == FEWER.texts
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _fail_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk fail at a file, at the move of the old folder, or at the move of the new one."""
    if steps == 0:
        monkeypatch.setattr(Path, "write_bytes", _no_space)
        return
    move, moved = Path.rename, [0]

    def rename(path: Path, target: Path) -> Path:
        moved[0] += 1
        return _no_space() if moved[0] == steps else move(path, target)

    monkeypatch.setattr(Path, "rename", rename)


def _no_space(*_: object) -> Path:
    raise OSError(28, "No space left on device")


def test_what_a_killed_rendering_left_is_put_right_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    RenderedFolder(folder).replace(FEWER)
    folder.rename(tmp_path / ".out.replaced")
    (tmp_path / ".out.rendering").mkdir()
    (tmp_path / ".out.rendering" / "half.yaml").write_text("half")
    change = RenderedFolder(folder).replace(RENDERING)

    assert len(change.unchanged) + len(change.changed) == len(FEWER.texts)
    assert held(folder) == RENDERING.texts
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ("file", "it is not a folder for rendered files"),
        ("missing/out", "there is no folder"),
        ("a\0b", "this path cannot be used"),
        ("x" * 300, "it cannot be written"),
    ],
)
def test_what_cannot_be_such_a_folder_is_refused(named: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("ours")

    with pytest.raises(InputError, match=problem):
        RenderedFolder(tmp_path / named).replace(RENDERING)

    assert held(tmp_path) == {"file": "ours"}


def test_the_root_of_the_file_system_is_refused() -> None:
    with pytest.raises(InputError, match="it is not a folder for rendered files"):
        RenderedFolder(Path("/")).replace(RENDERING)


def test_a_folder_keeps_its_mode(tmp_path: Path) -> None:
    RenderedFolder(tmp_path / "out").replace(FEWER)
    (tmp_path / "out").chmod(0o750)
    RenderedFolder(tmp_path / "out").replace(RENDERING)

    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
