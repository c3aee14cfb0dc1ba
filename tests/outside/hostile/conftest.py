"""The separate AWS account that these tests share with those of the live sources."""

from tests.live.conftest import moto, moto_endpoint

__all__ = ["moto", "moto_endpoint"]
