import pytest

from lab.running.lab import Lab
from tests.support.engine.life import Life, live


@pytest.fixture(scope="session", params=["dev", "prod"])
def life(request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """The life of each environment from its committed stack file; it runs once, and many tests look at it."""
    return live(lab, request.param, tmp_path_factory.mktemp(request.param))
