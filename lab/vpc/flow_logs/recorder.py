"""The flow logs of a VPC at work: what was counted at its interfaces is delivered to where each flow log says."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.vpc.counted import Window
from lab.vpc.flow_logs.delivery import Delivery
from lab.vpc.flow_logs.flow_log import flow_logs
from lab.vpc.flow_logs.recorded_vpc import RecordedVpc, recorded_vpc
from lab.vpc.flow_logs.records import records


@dataclass(slots=True)
class Recorder:
    """Records the traffic of one VPC. It asks the account again for each delivery.

    Attributes:
        ec2: A client of EC2.
        delivery: Writes the records.
        vpc: The id of the VPC.
    """

    ec2: Any
    delivery: Delivery
    vpc: str
    _known: RecordedVpc | None = None

    def look(self) -> RecordedVpc:
        """Ask the account which interfaces the VPC has, and return all that were ever seen.

        A story that deletes an interface looks before that.
        """
        self._known = recorded_vpc(self.ec2, self.vpc, self._known)
        return self._known

    def record(self, windows: Iterable[Window], lost: Collection[str] = ()) -> Mapping[str, tuple[str, ...]]:
        """Deliver what was counted in complete intervals.

        Args:
            windows: In the order of time.
            lost: The ids of interfaces whose traffic AWS cannot record for lack of capacity.

        Returns:
            By the id of a flow log: the keys of its new files, or the names of its streams.

        Raises:
            RecordingError: A window cannot be recorded as a flow log says.
        """
        counted, known = [*windows], self.look()
        of_vpc = {self.vpc, *(each.subnet for each in known.interfaces.values()), *known.interfaces}
        return {
            each.id: self.delivery.deliver(each, records(counted, each, known, lost))
            for each in flow_logs(self.ec2)
            if each.resource in of_vpc
        }
