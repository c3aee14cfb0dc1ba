"""What EC2 refuses about network interfaces, and moto does not."""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend


@cache
def refuse_taken_addresses() -> None:
    """Make moto in this process refuse a new interface with an address that another one of its subnet has."""
    create: Any = ElasticNetworkInterfaces.create_network_interface

    def created(call: Any) -> object:  # noqa: ANN401 - a request of moto, whose parameters have no public name
        asked = [call._get_param("PrivateIpAddress"), *call._get_param("PrivateIpAddresses", [])]  # noqa: SLF001 - as above
        wanted = {each.get("PrivateIpAddress") if isinstance(each, dict) else each for each in asked}
        for address in _addresses(call.ec2_backend, call._get_param("SubnetId")):  # noqa: SLF001 - as above
            if address in wanted:
                raise EC2ClientError("InvalidIPAddress.InUse", f"Address {address} is in use.")
        return create(call)

    ElasticNetworkInterfaces.create_network_interface = created  # type: ignore[assignment, method-assign]  # moto offers no hook


def _addresses(backend: "EC2Backend", subnet: str) -> Iterator[str]:
    for interface in list(backend.enis.values()):
        if interface.subnet.id == subnet:
            yield from (str(each["PrivateIpAddress"]) for each in interface.private_ip_addresses)
