"""Pods of a measurement."""

from pathlib import Path

import pytest

from lab.on_the_way.moments.stage import Pod, SandboxError


def test_a_pod_whose_network_is_gone_before_its_container_starts_has_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="the network of api is gone"):
        Pod("api", tmp_path / "cni-gone", "198.18.101.2", 0.0).started()
