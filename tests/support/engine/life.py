"""The life of a stack on the lab, from first preview to destroy: it runs once, and many tests look at it.

Every deployment of the firewall is recorded write by write. In between, people change what is deployed by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.rights.deployer import Deployer
from lab.running.engine import Result
from lab.running.lab import Lab
from tests.support.alerts.deployed_alerts import AGENT_GROUP, Watched, look_at_alerts
from tests.support.engine.apis import TARGET, Apis, Sight
from tests.support.engine.chain import Chain, Deployed, committed
from tests.support.engine.declarations import (
    CHANGED,
    DESTROY,
    FIRST,
    LAST,
    PART,
    RANDOM_DECLARATIONS,
    STEPS,
    random_shop,
    with_alerts,
    with_another_matrix,
)
from tests.support.engine.drift import Behind, Drift, Drifting
from tests.support.engine.rights import documented_deployer

PARTS = {"dev": ("network", "log-group", "alerts"), "prod": ("network", "bucket")}
"""The files of ``docs/deployer/`` with the rights that each stack's declarations need."""

_RANDOM = "dev"
"""The stack with random declarations and alerts: they are the same on each stack."""


@dataclass(frozen=True, slots=True)
class Life:
    """A stack from first preview to destroy, and what the APIs show in between.

    Attributes:
        runs: Every recorded deployment by its name, see `tests.support.engine.declarations`.
        drift: What ``verify`` says of manual changes.
        watched: The alerts of the last declaration of dev.
        drifted_preview: A preview with refresh, after the manual changes.
        mended: An update with refresh, after that.
        changed_preview: A preview of the program with another matrix.
        deployer: The one who made all recorded deployments, with the documented rights.
    """

    untouched: Sight
    preview: Result
    previewed: Sight
    deployed: Sight
    outputs: Mapping[str, Any]
    second_preview: Result
    refresh: Result
    drift: Drift
    drifted_preview: Result
    mended: Result
    after_mending: Sight
    changed_preview: Result
    after_change: Sight
    watched: Watched | None
    destroyed: Sight
    runs: Mapping[str, Deployed]
    deployer: Deployer

    @property
    def up(self) -> Result:
        """The first deployment."""
        return self.runs[FIRST].result

    @property
    def targeted(self) -> Result:
        """An update of only one policy, before the rest of the change."""
        return self.runs[PART].result

    @property
    def changed(self) -> Result:
        """The update with another matrix."""
        return self.runs[CHANGED].result

    @property
    def destroy(self) -> Result:
        """The removal."""
        return self.runs[DESTROY].result


def live(lab: Lab, stack: str, folder: Path) -> Life:
    """Run the life of a stack, with copies of the program in a folder."""
    apis, chain, runs = Apis(lab, stack), Chain(lab, stack, folder), {}
    deployer = documented_deployer(lab, stack, *PARTS[stack])
    chain.caller = deployer
    program = chain.write(committed)
    engine = chain.engine(program)
    untouched = apis.look()
    preview, previewed = engine.preview().checked(), apis.look()
    runs[FIRST], deployed = chain.deploy_program(program), apis.look()
    outputs = engine.outputs()
    second_preview, refresh = engine.preview().checked(), engine.refresh().checked()

    drifting = Drifting(Behind(apis, program), engine)
    drifting.begin()
    drifted_preview = engine.preview("--refresh").checked()
    mended, after_mending = engine.up("--refresh").checked(), apis.look()
    drift = drifting.mended()

    changing = chain.write(with_another_matrix)
    changed_preview = chain.engine(changing).preview().checked()
    runs[PART] = chain.deploy_part(changing, [f"**firewall-policies-{TARGET}"])
    runs[CHANGED], after_change = chain.deploy_program(changing), apis.look()
    shops = {str(seed): random_shop(seed) for seed in range(RANDOM_DECLARATIONS)} if stack == _RANDOM else {}
    runs |= {name: chain.deploy(change) for name, change in {**STEPS, **shops}.items()}
    watched = None
    if stack == _RANDOM:
        watched = _watched(chain, apis, runs)
    else:
        runs[LAST] = chain.deploy(committed)
        _leave_a_result(apis)
        runs[DESTROY] = chain.destroy()
    return Life(
        untouched,
        preview,
        previewed,
        deployed,
        outputs,
        second_preview,
        refresh,
        drift,
        drifted_preview,
        mended,
        after_mending,
        changed_preview,
        after_change,
        watched,
        apis.look(),
        runs,
        deployer,
    )


def _leave_a_result(apis: Apis) -> None:
    """Put what a query of Athena would leave into the bucket of results."""
    (bucket,) = (name for name in apis.look().buckets if name.startswith("flash-ticket-prod-query-results-"))
    apis.aws("s3").put_object(Bucket=bucket, Key="2026/11/27/denied.csv", Body=b"srcaddr")


def _watched(chain: Chain, apis: Apis, runs: dict[str, Deployed]) -> Watched:
    """Deploy the committed declaration with alerts, and remove all."""
    logs = apis.aws("logs")
    logs.create_log_group(logGroupName=AGENT_GROUP)
    before, program = look_at_alerts(apis), chain.write(with_alerts)
    engine = chain.engine(program)
    preview, previewed = engine.preview().checked(), look_at_alerts(apis)
    runs[LAST], deployed = chain.deploy_program(program), look_at_alerts(apis)
    second_preview = engine.preview().checked()
    runs[DESTROY], destroyed = chain.destroy(), look_at_alerts(apis)
    logs.delete_log_group(logGroupName=AGENT_GROUP)
    return Watched(before, preview, previewed, deployed, second_preview, destroyed)
