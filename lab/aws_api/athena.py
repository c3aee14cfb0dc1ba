"""The deletion of saved queries, which moto lacks."""

import json
from collections.abc import Callable

from moto.athena.models import athena_backends
from moto.core.models import DEFAULT_ACCOUNT_ID

from lab.aws_api.call import Answer, Call


def named_query_deletion(call: Call, proceed: Callable[[], Answer]) -> Answer:
    """Serve DeleteNamedQuery."""
    if call.service != "athena" or call.action != "DeleteNamedQuery":
        return proceed()
    queries = athena_backends[DEFAULT_ACCOUNT_ID][call.region].named_queries
    queries.pop(json.loads(call.body)["NamedQueryId"], None)
    return Answer("200 OK", (("Content-Type", "application/x-amz-json-1.1"),), b"").with_body(b"{}")
