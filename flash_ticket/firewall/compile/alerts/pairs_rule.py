"""The Contributor Insights rule that counts REJECT records by source and destination address.

A metric filter with addresses as dimensions would make a paid metric of every pair, and CloudWatch Logs switches it off
at a thousand; this rule keeps the busiest alone. Source: CloudWatch User Guide, "Contributor Insights rule syntax".
"""

import json

from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS

_KEYS = ("pkt-srcaddr", "pkt-dstaddr")
_ACTION = "action"


def pairs_rule_definition(log_group: str) -> str:
    """Return the rule's definition for the flow log's group, as JSON."""
    fields = {str(position): field for position, field in enumerate(RECORD_FIELDS, 1) if field in (*_KEYS, _ACTION)}
    definition = {
        "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
        "LogGroupNames": [log_group],
        "LogFormat": "CLF",
        "Fields": fields,
        "Contribution": {"Keys": list(_KEYS), "Filters": [{"Match": _ACTION, "In": ["REJECT"]}]},
        "AggregateOn": "Count",
    }
    return json.dumps(definition)


def pairs_expression(rule: str, metric: str) -> str:
    """Return the metric math that reads the rule.

    Args:
        rule: The rule's name.
        metric: ``MaxContributorValue`` or ``UniqueContributors``.
    """
    return f"INSIGHT_RULE_METRIC('{rule}', '{metric}')"
