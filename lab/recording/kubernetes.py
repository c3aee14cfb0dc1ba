"""What a request to the Kubernetes API writes, and how that API refuses."""

import json
from urllib.parse import parse_qs, urlsplit

from lab.recording.fault import How
from lab.recording.journal import Part, Reach
from lab.recording.message import Request, Response

_WRITES = {"POST", "PUT", "PATCH", "DELETE"}
# Questions that are asked by creating an object (Kubernetes API reference, authorization and authentication).
_QUESTIONS = ("/apis/authorization.k8s.io/", "/apis/authentication.k8s.io/")
_PARTS = {
    ("networking.k8s.io", "networkpolicies"): Part.POLICIES,
    ("vpcresources.k8s.aws", "securitygrouppolicies"): Part.ATTACHMENTS,
}
_ANSWERS = {
    How.SERVER_ERROR: (500, "InternalError", "an error on the server has prevented the request from succeeding"),
    How.THROTTLED: (429, "TooManyRequests", "the server has received too many requests"),
    How.CONFLICT: (409, "Conflict", "the object has been modified; please apply your changes to the latest version"),
    How.EXPIRED: (401, "Unauthorized", "Unauthorized"),
}


class KubernetesApi:
    """The API of one cluster."""

    name = "kubernetes"

    def action(self, request: Request) -> str:
        """Return the method with resource and name, such as ``PATCH networkpolicies/00-default-deny``."""
        parts = urlsplit(request.path)
        dry = "dryRun" in parse_qs(parts.query)
        if request.method not in _WRITES or dry or parts.path.startswith(_QUESTIONS):
            return ""
        _, namespaced, rest = parts.path.partition("/namespaces/")
        resource = rest.partition("/")[2] if namespaced else parts.path.rpartition("/")[2]
        return f"{request.method} {resource}"

    def reach(self, request: Request) -> Reach:
        """Return what the request can change of the firewall: most write an object of one kind."""
        match urlsplit(request.path).path.strip("/").split("/"):
            case ["apis", group, _, "namespaces", _, kind, *_]:
                return Reach(_PARTS.get((group, kind), Part.CLUSTER))
            case _:
                return Reach(Part.CLUSTER)

    def refusal(self, request: Request, how: How) -> Response:
        """Return a Status (Kubernetes API conventions, "Response Status Kind")."""
        code, reason, message = _ANSWERS[how]
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }
        _ = request
        return Response(code, (("Content-Type", "application/json"),), json.dumps(status).encode())
