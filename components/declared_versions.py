"""The declared versions of the stack, read from its outputs before this update, plus the current declaration."""

from dataclasses import dataclass

import pulumi

from flash_ticket.firewall.change.history import VERSIONS_OUTPUT, DeclaredVersion, continued


@dataclass(frozen=True, slots=True)
class DeclaredVersionsArgs:
    """What `DeclaredVersions` records.

    Attributes:
        declared: The declaration of this update.
    """

    declared: DeclaredVersion


class DeclaredVersions(pulumi.ComponentResource):
    """The record of a stack's declarations.

    Attributes:
        record: The value of the output `VERSIONS_OUTPUT`. It contains no secrets; it is a Pulumi secret only so that
            updates do not print it.
    """

    record: pulumi.Output[str]

    def __init__(self, name: str, args: DeclaredVersionsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flash-ticket-firewall:components:DeclaredVersions", name, None, opts)
        stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
        own = pulumi.StackReference(f"{name}-so-far", stack, opts=pulumi.ResourceOptions(parent=self))
        earlier = own.get_output(VERSIONS_OUTPUT)
        self.record = pulumi.Output.secret(earlier.apply(lambda text: continued(text, args.declared)))
        self.register_outputs({})
