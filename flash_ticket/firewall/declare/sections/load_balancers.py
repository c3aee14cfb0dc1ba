"""The load balancers in a binding: one Application Load Balancer, or several load balancers by name."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from flash_ticket.firewall.declare.choices import ClientAddresses, LoadBalancerGroup, LoadBalancerKind
from flash_ticket.firewall.declare.fields import Name, Ports
from flash_ticket.firewall.declare.sections.selection import Cidr, One, only_one_of
from flash_ticket.firewall.declare.validation import NOT_EMPTY, FileModel, refusal
from flash_ticket.firewall.terms.ports import PortRange, Protocol, listing


class Clients(FileModel):
    """Who may open connections to the load balancer."""

    model_config = NOT_EMPTY

    cidrs: Annotated[list[Cidr], Field(min_length=1)] | None = None
    """Their address blocks."""
    prefix_list: One | None = Field(None, alias="prefixList")
    """The managed prefix list with their addresses."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        only_one_of(self, "cidrs", "prefixList")
        return self


class LoadBalancerEntry(FileModel):
    """The application load balancer; this program creates its security group."""

    external: Name
    """The external of `traffic.yaml` that is the load balancer."""
    listeners: Ports
    """The TCP ports that it listens on."""
    clients: Clients
    """Who may open connections to it."""

    @field_validator("listeners")
    @classmethod
    def _are_of_tcp(cls, listeners: list[PortRange]) -> list[PortRange]:
        if wrong := _beyond_tcp(listeners):
            raise refusal(f"an application load balancer cannot listen on {listing(wrong)}", "Write its TCP ports")
        return listeners


class NamedLoadBalancerEntry(FileModel):
    """One of several load balancers; its name is that of an external of traffic.yaml."""

    kind: LoadBalancerKind = Field(strict=False)
    """What it is."""
    group: LoadBalancerGroup = Field(LoadBalancerGroup.OWN, strict=False)
    """Whether this program makes a security group for it."""
    listeners: Ports | None = None
    """The ports that it listens on. Its group needs them."""
    clients: Clients | None = None
    """Who may open connections to it. Its group needs them, and so do targets that see their addresses."""
    client_addresses: ClientAddresses = Field(ClientAddresses.HIDDEN, alias="clientAddresses", strict=False)
    """Which addresses the targets see."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.kind is LoadBalancerKind.ALB:
            self._of_alb()
        elif self.group is LoadBalancerGroup.NONE:
            self._without_group()
        else:
            self._of_nlb()
        return self

    def _of_alb(self) -> None:
        if self.group is LoadBalancerGroup.NONE:
            raise refusal("each application load balancer has a group", "Remove group, or write kind: nlb")
        if "client_addresses" in self.model_fields_set:
            raise refusal(
                "the targets of an application load balancer always see the addresses of the load balancer",
                "Remove clientAddresses",
            )
        self._complete()
        if wrong := _beyond_tcp(self.listeners or ()):
            raise refusal(f"an application load balancer cannot listen on {listing(wrong)}", "Write its TCP ports")

    def _of_nlb(self) -> None:
        self._complete()
        wrong = _beyond_tcp(self.listeners or ())
        if wrong and self.client_addresses is ClientAddresses.HIDDEN:
            raise refusal(
                f"it listens on {listing(wrong)}, and with UDP the targets always see the clients' addresses",
                "Write clientAddresses: preserved",
            )
        self._listed()

    def _without_group(self) -> None:
        if self.listeners is not None:
            raise refusal(
                "it has no group, so nothing here decides on which ports clients reach it",
                "Remove listeners, or write group: own",
            )
        is_preserved = self.client_addresses is ClientAddresses.PRESERVED
        if is_preserved and self.clients is None:
            raise refusal("its targets see the clients' addresses, and clients is missing", "Add clients: {cidrs: ...}")
        if self.clients is not None and not is_preserved:
            raise refusal(
                "it has no group, and its targets see only its own addresses, so nothing here decides who may reach it",
                "Remove clients, or write clientAddresses: preserved or group: own",
            )
        self._listed()

    def _complete(self) -> None:
        for key, value in (("listeners", self.listeners), ("clients", self.clients)):
            if value is None:
                raise refusal(f"{key} is missing, and its group needs both listeners and clients", f"Add {key}")

    def _listed(self) -> None:
        if self.client_addresses is ClientAddresses.PRESERVED and self.clients and self.clients.prefix_list:
            raise refusal(
                "its targets see the clients' addresses, and policies cannot follow a prefix list",
                "Write the addresses under clients.cidrs, or clientAddresses: hidden",
            )


def _beyond_tcp(ports: list[PortRange] | tuple[()]) -> tuple[PortRange, ...]:
    return tuple(port for port in ports if port.protocol is not Protocol.TCP)
