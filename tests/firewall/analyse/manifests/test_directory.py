"""Every manifest of a directory is read, and a file that cannot be read is one clear error."""

import json
import os
from pathlib import Path

import pytest

from flash_ticket.firewall.analyse.manifests import directory as manifest_directory
from flash_ticket.firewall.analyse.manifests.directory import read_cluster, read_manifests
from flash_ticket.firewall.terms.input_error import InputError

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"


def names(directory: Path) -> list[object]:
    found = []
    for manifest in read_manifests(directory):
        metadata = manifest.body["metadata"]
        assert isinstance(metadata, dict)
        found.append(metadata["name"])
    return found


def test_yaml_json_and_folders_below_are_read_and_other_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(POD, encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps({"kind": "Pod", "metadata": {"name": "b"}}), encoding="utf-8")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "c.yml").write_text("---\n" + POD.replace(" a}", " c}") + "---\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("[", encoding="utf-8")
    (tmp_path / ".hidden.yaml").write_text("[", encoding="utf-8")
    assert names(tmp_path) == ["a", "b", "c"]
    assert names(tmp_path / "a.yaml") == ["a"]


def test_json_in_a_yaml_file_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text('\ufeff{"kind": "Pod", "metadata": {"name": "a"}}', encoding="utf-8")
    (tmp_path / "b.yaml").write_text("{kind: Pod, metadata: {name: b}}\n", encoding="utf-8")
    assert names(tmp_path) == ["a", "b"]


def test_lists_are_unpacked_and_items_of_typed_lists_get_their_kind(tmp_path: Path) -> None:
    items = [{"metadata": {"name": "a"}}, {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "b"}}]
    pods = {"kind": "PodList", "apiVersion": "v1", "items": items}
    (tmp_path / "a.json").write_text(
        json.dumps({"kind": "List", "apiVersion": "v1", "items": [pods]}), encoding="utf-8"
    )
    assert [(each.place, each.body["kind"]) for each in read_manifests(tmp_path)] == [
        ("items[0] items[0]", "Pod"),
        ("items[0] items[1]", "Pod"),
    ]


def error_of(directory: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        list(read_manifests(directory))
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_missing_directory_and_an_empty_one_are_errors(tmp_path: Path) -> None:
    assert "no such directory" in error_of(tmp_path / "missing").problem
    assert "has no .yaml, .yml or .json file" in error_of(tmp_path).problem


def test_a_symlink_loop_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "back").symlink_to(tmp_path)
    assert "leads back" in error_of(tmp_path).problem


def test_a_symlink_to_itself_or_to_nothing_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "self.yaml").symlink_to(tmp_path / "self.yaml")
    assert error_of(tmp_path).source == str(tmp_path / "self.yaml")
    (tmp_path / "self.yaml").unlink()
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    assert "cannot be read" in error_of(tmp_path).problem


def test_two_links_to_the_same_folder_are_not_a_loop(tmp_path: Path) -> None:
    for place in ("real", "one", "two"):
        (tmp_path / place).mkdir()
    (tmp_path / "real" / "a.yaml").write_text(POD, encoding="utf-8")
    (tmp_path / "one" / "link").symlink_to(tmp_path / "real")
    assert names(tmp_path / "one") == ["a"]


def test_a_folder_that_many_links_lead_to_is_walked_once(tmp_path: Path) -> None:
    for depth in range(40):
        (tmp_path / f"level-{depth}").mkdir()
        for link in ("one", "two"):
            (tmp_path / f"level-{depth}" / link).symlink_to(tmp_path / f"level-{depth + 1}")
    (tmp_path / "level-40").mkdir()
    (tmp_path / "level-40" / "a.yaml").write_text(POD, encoding="utf-8")
    assert names(tmp_path / "level-0") == ["a"]


def test_folders_nested_too_deep_are_one_error(tmp_path: Path) -> None:
    (tmp_path / Path(*["d"] * 101)).mkdir(parents=True)
    assert "more than 100 deep" in error_of(tmp_path).problem


def test_an_unreadable_file_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(POD, encoding="utf-8")

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert str(error_of(tmp_path)) == f"{path}: cannot be read: Permission denied. Make it readable or move it away."


def test_a_pipe_is_an_error_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert "not a regular file" in error_of(tmp_path).problem


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.json", b"{", "not JSON"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.yaml", b"\xff\xfe\x00", "not UTF-8"),
        ("a.json", b'{"kind": "List", "items": [1]}', "expected a Kubernetes object, found a int"),
    ],
)
def test_a_file_that_cannot_be_read_as_manifests_is_one_error(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    (tmp_path / name).write_bytes(content)
    found = error_of(tmp_path)
    assert found.source == str(tmp_path / name)
    assert problem in found.problem


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_directory, "LARGEST_BYTES", 1 << 20)
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(3 << 20)
    assert "the file has 3 MiB, and the limit is 1 MiB" in error_of(tmp_path).problem


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("values.yaml", b"- kind: Pod\n", "line 1, a list"),
        ("values.yaml", b"just words\n", "line 1, a text"),
        ("values.yaml", b"replicas: 3\n", "line 1"),
        ("package.json", b"[1, 2]", "the document, a list"),
        ("package.json", b"5", "the document, a plain value"),
        ("package.json", b'{"name": "shop"}', "the document"),
    ],
)
def test_a_file_that_is_not_a_manifest_is_named_and_skipped(
    tmp_path: Path, name: str, content: bytes, place: str
) -> None:
    (tmp_path / "pod.yaml").write_text(POD, encoding="utf-8")
    (tmp_path / name).write_bytes(content)
    found = read_cluster(tmp_path)

    assert [str(each) for each in found.workloads] == ["default/a[Pod]"]
    assert f"{tmp_path / name}: {place}: not a Kubernetes object (it has no kind); ignored" in map(str, found.notes)
