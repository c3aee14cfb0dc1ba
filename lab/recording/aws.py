"""What a request to AWS writes, and how its services refuse."""

import json

from lab.aws_api.call import Call, parsed, refused
from lab.recording.fault import How
from lab.recording.journal import Part, Reach
from lab.recording.message import Request, Response

_READS = ("Describe", "Get", "List", "BatchGet", "GET ", "HEAD ")
_OF_ONE_GROUP = {
    f"{verb}SecurityGroup{direction}" for verb in ("Authorize", "Revoke") for direction in ("Ingress", "Egress")
} | {"ModifySecurityGroupRules", "DeleteSecurityGroup"}
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
_UNAUTHORIZED = {
    "ec2": (403, "UnauthorizedOperation"),
    "s3": (403, "AccessDenied"),
    "iam": (403, "AccessDenied"),
    "monitoring": (403, "AccessDenied"),
}


class AwsApi:
    """Every service of AWS behind one endpoint."""

    name = "aws"

    def action(self, request: Request) -> str:
        """Return the operation, such as ``AuthorizeSecurityGroupIngress`` or ``PUT /bucket?policy``."""
        action = called(request).action
        return "" if action.startswith(_READS) else action

    def reach(self, request: Request) -> Reach:
        """Return what the request can change of the firewall: EC2 has groups, rules and flow logs."""
        call = called(request)
        if call.service != "ec2":
            return Reach(Part.NONE)
        group = call.parameters.get("GroupId", "")
        return Reach(Part.GROUP, group) if group and call.action in _OF_ONE_GROUP else Reach(Part.VPC)

    def refusal(self, request: Request, how: How) -> Response:
        """Return the error document of the service."""
        service = called(request).service
        codes = {"ec2": _EC2, "s3": _S3, "iam": _IAM}.get(service, _JSON)
        return _document(service, *codes[how], _MESSAGE)

    def unauthorized(self, request: Request, action: str, resource: str) -> Response:
        """Return the error document of the service for a call that the caller has no right to make."""
        service = called(request).service
        status, code = _UNAUTHORIZED.get(service, (400, "AccessDeniedException"))
        message = (
            f"You are not authorized to perform: {action} on resource: {resource}"
            f" because no identity-based policy allows the {action} action"
        )
        return _document(service, status, code, message)


def _document(service: str, status: int, code: str, message: str) -> Response:
    if service == "ec2":
        return Response(status, (("Content-Type", "text/xml;charset=UTF-8"),), refused(code, message).body)
    if service == "s3":
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return Response(status, (("Content-Type", "text/xml"),), body.encode())
    if service in {"iam", "monitoring"}:
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        return Response(status, (("Content-Type", "text/xml"),), body.encode())
    body = json.dumps({"__type": code, "message": message})
    return Response(status, (("Content-Type", "application/x-amz-json-1.1"),), body.encode())


def called(request: Request) -> Call:
    """Return the call that a request makes."""
    return parsed(
        request.method,
        request.path,
        {name.lower(): value for name, value in request.headers},
        request.body,
    )
