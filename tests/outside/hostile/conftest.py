"""What these tests share with those of the live sources: an AWS account of their own."""

from tests.live.conftest import moto, moto_endpoint

__all__ = ["moto", "moto_endpoint"]
