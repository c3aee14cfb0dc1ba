"""This project's firewall in any form: its connections as those of any manifests, its picture and page as its own."""

from collections.abc import Iterator

from flash_ticket.firewall.compiled_firewall import CompiledFirewall
from flash_ticket.report.connections import Format, written
from flash_ticket.report.picture.page import page
from flash_ticket.report.picture.picture import picture


def project_listing(firewall: CompiledFirewall, form: Format) -> Iterator[str]:
    """Yield the pieces of what passes both layers of a stack in a form, in order."""
    match form:
        case Format.SVG:
            yield picture(firewall.matrix, firewall.environment)
        case Format.HTML:
            yield page(firewall.matrix, firewall.environment, firewall.proof())
        case _:
            yield from written(firewall.layers().connections(), form)
