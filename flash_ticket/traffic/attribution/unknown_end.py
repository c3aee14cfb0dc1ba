"""Why it cannot be said whose an address was, and what would tell."""

from enum import Enum


class UnknownEnd(Enum):
    """A reason, in words, with what would make the address known."""

    NO_ADDRESS = ("the log gives no address", "Nothing can be done about a log without addresses")
    NO_LABELS = (
        "a pod whose labels neither the log nor an inventory tells",
        "Give --inventory with a listing of that time (kubectl get pods,services -A -o json)",
    )
    UNCERTAIN = (
        "uncertain: the address may have been another pod's at that time",
        "Give --inventory with listings of that time too, each as its own file",
    )
    BEFORE_LISTING = (
        "uncertain: a VPC address that nobody had when pods were listed, and that a pod may have had before",
        "Give --inventory with a listing of that time too",
    )
    NO_PODS = (
        "a VPC address, and no pods are known",
        "Give --inventory with a listing of the pods (kubectl get pods,services -A -o json)",
    )
    NO_SERVICES = (
        "a private address outside of the VPC, and no Services are known",
        "Give --inventory with the Services (kubectl get pods,services -A -o json), or declare it as an external",
    )
    SHARED = (
        "an address of several externals, and nothing tells which",
        "Give --inventory with the network interfaces, or bind the externals to subnets of their own",
    )

    @property
    def words(self) -> str:
        """The reason, as an Attribution counts by it."""
        return self.value[0]

    @property
    def remedy(self) -> str:
        """What would make it known, in the imperative."""
        return self.value[1]
