"""What a request to AWS writes, and how its services refuse."""

import json

from lab.aws_api.call import Call, parsed, refused
from lab.recording.fault import How
from lab.recording.journal import Part, Reach
from lab.recording.message import Request, Response

_READS = ("Describe", "Get", "List", "BatchGet", "GET ", "HEAD ")
_OF_RULES = {
    f"{verb}SecurityGroup{direction}" for verb in ("Authorize", "Revoke") for direction in ("Ingress", "Egress")
} | {"ModifySecurityGroupRules"}
_MESSAGE = "the lab says no"
# Codes from the API references of the services: EC2 "Error codes", S3 "Error responses", "Common errors" elsewhere.
_EC2 = {
    How.SERVER_ERROR: (500, "InternalError"),
    How.THROTTLED: (503, "RequestLimitExceeded"),
    How.CONFLICT: (400, "IncorrectState"),
    How.EXPIRED: (400, "RequestExpired"),
}
_S3 = {
    How.SERVER_ERROR: (500, "InternalError"),
    How.THROTTLED: (503, "SlowDown"),
    How.CONFLICT: (409, "OperationAborted"),
    How.EXPIRED: (400, "ExpiredToken"),
}
_IAM = {
    How.SERVER_ERROR: (500, "ServiceFailure"),
    How.THROTTLED: (400, "Throttling"),
    How.CONFLICT: (409, "ConcurrentModification"),
    How.EXPIRED: (403, "ExpiredToken"),
}
_JSON = {
    How.SERVER_ERROR: (500, "InternalFailure"),
    How.THROTTLED: (400, "ThrottlingException"),
    How.CONFLICT: (400, "OperationAbortedException"),
    How.EXPIRED: (403, "ExpiredTokenException"),
}


class AwsApi:
    """Every service of AWS behind one endpoint."""

    name = "aws"

    def action(self, request: Request) -> str:
        """Return the operation, such as ``AuthorizeSecurityGroupIngress`` or ``PUT /bucket?policy``."""
        action = _call(request).action
        return "" if action.startswith(_READS) else action

    def reach(self, request: Request) -> Reach:
        """Return what the request can change of the firewall: EC2 has groups, rules and flow logs."""
        call = _call(request)
        if call.service != "ec2":
            return Reach(Part.NONE)
        group = call.parameters.get("GroupId", "")
        return Reach(Part.RULES, group) if group and call.action in _OF_RULES else Reach(Part.VPC)

    def refusal(self, request: Request, how: How) -> Response:
        """Return the error document of the service."""
        call = _call(request)
        if call.service == "ec2":
            status, code = _EC2[how]
            return Response(status, (("Content-Type", "text/xml;charset=UTF-8"),), refused(code, _MESSAGE).body)
        if call.service in {"s3", "iam"}:
            status, code = (_S3 if call.service == "s3" else _IAM)[how]
            error = f"<Error><Code>{code}</Code><Message>{_MESSAGE}</Message></Error>"
            body = error if call.service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>"
            return Response(status, (("Content-Type", "text/xml"),), body.encode())
        status, code = _JSON[how]
        body = json.dumps({"__type": code, "message": _MESSAGE})
        return Response(status, (("Content-Type", "application/x-amz-json-1.1"),), body.encode())


def _call(request: Request) -> Call:
    return parsed(
        request.method,
        request.path,
        {name.lower(): value for name, value in request.headers},
        request.body,
    )
