"""This project's firewall in any form: its connections as those of any manifests, its picture and page as its own."""

from collections.abc import Iterator

from segmentation.compiled_firewall import CompiledFirewall
from segmentation.report.format import Format, written
from segmentation.report.page import page
from segmentation.report.picture import picture


def project_listing(firewall: CompiledFirewall, form: Format) -> Iterator[str]:
    """Yield the pieces of what passes both layers of a stack in a form, in order."""
    match form:
        case Format.SVG:
            yield picture(firewall.matrix, firewall.environment)
        case Format.HTML:
            yield page(firewall.matrix, firewall.environment, firewall.proof())
        case _:
            yield from written(firewall.layers().connections(), form)
