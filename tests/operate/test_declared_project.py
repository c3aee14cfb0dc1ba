"""A project that declares an earlier version writes nothing into the project that it is made of."""

from pathlib import Path

import yaml

from flash_ticket.firewall.declare.binding import BINDING_KEY
from flash_ticket.firewall.project import read_project, read_settings
from flash_ticket.operate.declared_project import declared_project
from tests.support.command.flash_firewall import copy_project
from tests.support.command.recorded_stack import declared_now


def test_settings_in_a_folder_of_their_own_stay_as_they_are(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project", "dev")
    version = declared_now(folder, "dev")
    (folder / "settings").mkdir()
    path = (folder / "Pulumi.dev.yaml").rename(folder / "settings/Pulumi.dev.yaml")
    common = {"name": "flash-ticket-firewall", "stackConfigDir": "settings", "config": {"aws:profile": "shared"}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(common))
    settings = yaml.safe_load(path.read_text())
    settings["config"][BINDING_KEY]["quotas"] = {"rulesPerGroup": 100}
    path.write_text(yaml.safe_dump(settings))
    text = path.read_text()

    with declared_project(folder, "dev", version) as made:
        found = read_settings(made, "dev")
        assert found[BINDING_KEY] == version.binding
        assert found["aws:profile"] == "shared"
        assert read_project(made, "dev").environment.quotas.rules_per_group == 60

    assert path.read_text() == text
    assert yaml.safe_load((folder / "Pulumi.yaml").read_text()) == common
