"""What stands of Athena's under a stack's name: workgroup, database, table and saved queries.

Rights needed: athena:GetWorkGroup, and for all of it athena:ListNamedQueries, athena:GetNamedQuery, glue:GetDatabase,
glue:GetTable. Sources: the API references of Amazon Athena and AWS Glue.
"""

from typing import Any

from flash_ticket.firewall.change.adoption import StandingQueries
from flash_ticket.live.aws_account import AwsAccount
from flash_ticket.live.aws_refusal import RefusedError
from flash_ticket.traffic.flow_logs.athena import TABLE

_NOT_THERE = {"InvalidRequestException", "EntityNotFoundException"}
"""Athena's word for a workgroup that is not there, and Glue's for a database or a table."""


def standing_workgroup(account: AwsAccount, name: str) -> Any:  # noqa: ANN401 - the SDK's
    """Return what GetWorkGroup tells; None where there is none.

    Raises:
        InputError: AWS cannot be asked, or a right is missing.
    """
    return _found(account, "athena", "get_work_group", "WorkGroup", WorkGroup=name)


def standing_queries(account: AwsAccount, name: str) -> StandingQueries:
    """Return what stands of Athena's under a stack's name.

    Raises:
        InputError: AWS cannot be asked, or a right is missing.
    """
    workgroup = standing_workgroup(account, name)
    database = _found(account, "glue", "get_database", "Database", Name=name)
    table = _found(account, "glue", "get_table", "Table", DatabaseName=name, Name=TABLE) if database else None
    saved = account.pages("athena", "list_named_queries", "NamedQueryIds", WorkGroup=name) if workgroup else ()
    told = (account.ask("athena", "get_named_query", NamedQueryId=query)["NamedQuery"] for query in saved)
    return StandingQueries(workgroup, database, table, tuple(told))


def _found(account: AwsAccount, service: str, operation: str, part: str, **asked: str) -> Any:  # noqa: ANN401 - the SDK's
    try:
        return account.ask(service, operation, **asked).get(part)
    except RefusedError as refused:
        if refused.code in _NOT_THERE:
            return None
        raise
