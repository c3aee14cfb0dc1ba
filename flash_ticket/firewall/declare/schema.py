"""The JSON schema of traffic.yaml, for editors.

python -m flash_ticket.firewall.declare.schema > traffic.schema.json
"""

import json
import sys

from flash_ticket.firewall.declare.traffic_file import json_schema


def schema_text() -> str:
    """Return the committed file's content."""
    return json.dumps(json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
