"""Read and complete the XML documents that EC2 answers with."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from lab.aws_api.call import Answer


def items(document: ET.Element, identifier: str) -> Iterator[tuple[str, ET.Element]]:
    """Yield the ``item`` elements that have a child of this name, with its text."""
    for item in document.iterfind(".//{*}item"):
        text = item.findtext(f"{{*}}{identifier}")
        if text:
            yield text, item


def parse(answer: Answer) -> ET.Element:
    """Return the root element."""
    return ET.fromstring(answer.body)  # noqa: S314 - moto's own answer


def add(parent: ET.Element, name: str, text: str = "") -> ET.Element:
    """Append a child in the parent's namespace and return it."""
    element = ET.SubElement(parent, parent.tag.partition("}")[0] + "}" + name)
    element.text = text
    return element


def replaced(answer: Answer, document: ET.Element) -> Answer:
    """Return the answer with this document."""
    return answer.with_body(ET.tostring(document, encoding="utf-8", xml_declaration=True))
