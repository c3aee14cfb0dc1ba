"""What moto lacks of Athena: delete saved queries, change workgroups, list no tags, and refuse what does not exist."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moto.athena.models import athena_backends
from moto.core.models import DEFAULT_ACCOUNT_ID

from lab.aws_api.call import Answer, Call

if TYPE_CHECKING:
    from moto.athena.models import AthenaBackend


def workgroups_and_queries(call: Call, proceed: Callable[[], Answer]) -> Answer:
    """Serve DeleteNamedQuery and UpdateWorkGroup, and refuse a workgroup or saved query that does not exist."""
    if call.service != "athena":
        return proceed()
    backend = athena_backends[DEFAULT_ACCOUNT_ID][call.region]
    asked: dict[str, Any] = json.loads(call.body or b"{}")
    workgroup, query = asked.get("WorkGroup"), asked.get("NamedQueryId")
    if workgroup is not None and workgroup not in backend.work_groups:
        return _answer("400 Bad Request", {"__type": "InvalidRequestException", "message": "WorkGroup is not found."})
    if call.action == "GetNamedQuery" and query not in backend.named_queries:
        return _answer(
            "400 Bad Request",
            {"__type": "InvalidRequestException", "message": f"NamedQuery {query} does not exist"},
        )
    if call.action == "ListTagsForResource" and _has_no_tags(backend, asked["ResourceARN"]):
        return _answer("200 OK", {"Tags": []})
    if call.action == "DeleteNamedQuery":
        # The provider may ask twice: deleting what is gone is not an error.
        backend.named_queries.pop(str(query), None)
    elif call.action == "UpdateWorkGroup":
        _change(backend, asked)
    else:
        return proceed()
    return _answer("200 OK", {})


def _has_no_tags(backend: "AthenaBackend", arn: str) -> bool:
    """Return whether a workgroup exists and has no tags; moto takes it for one that does not exist."""
    return arn in {each.arn for each in backend.work_groups.values()} and not backend.tagger.has_tags(arn)


def _change(backend: "AthenaBackend", asked: dict[str, Any]) -> None:
    """Apply ConfigurationUpdates as UpdateWorkGroup documents them: settings that are not named stay."""
    workgroup = backend.work_groups[asked["WorkGroup"]]
    workgroup.description = asked.get("Description", workgroup.description)
    workgroup.state = asked.get("State", workgroup.state)
    changes = dict(asked.get("ConfigurationUpdates", {}))
    results = changes.pop("ResultConfigurationUpdates", {})
    if changes.pop("RemoveBytesScannedCutoffPerQuery", False):
        workgroup.configuration.pop("BytesScannedCutoffPerQuery", None)
    workgroup.configuration.update(changes)
    configured = workgroup.configuration.setdefault("ResultConfiguration", {})
    for name, value in results.items():
        if not name.startswith("Remove"):
            configured[name] = value
        elif value:
            configured.pop(name.removeprefix("Remove"), None)


def _answer(status: str, document: dict[str, Any]) -> Answer:
    empty = Answer(status, (("Content-Type", "application/x-amz-json-1.1"),), b"")
    return empty.with_body(json.dumps(document).encode())
