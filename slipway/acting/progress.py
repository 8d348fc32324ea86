"""Wait until uploaded files have met their fate, telling each step of the runs as it ends.

A file has met its fate when the ledger says loaded, duplicate, rejected or set aside. A failed run puts its files back
to waiting, so the second way to stop is: an execution failed, and none is running.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from contracts.errors import PermanentError
from pipeline.steps import FIRST
from slipway.console import Stopwatch
from slipway.deployment import Deployment
from slipway.reading import executions, ledgers

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 30 * 60  # a Glue job may wait long for capacity in a real account


class NoFate(PermanentError):
    """Files are still without a fate when patience ran out."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the awaited files, and the steps of the executions that worked on them."""

    fates: list[ledgers.FileFate]
    steps: list[executions.Step]
    failed_executions: list[str]


@dataclass(kw_only=True)
class Watch:
    """State between two polls."""

    deployment: Deployment
    on_step: Callable[[executions.Step], None]
    before: frozenset[str]
    ended: set[str] = field(default_factory=set)
    told: dict[str, int] = field(default_factory=dict)
    steps: list[executions.Step] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def poll(self) -> bool:
        """Tell what is new; True while an execution is running."""
        listed = {
            item["executionArn"]: item["status"] for item in executions.executions(self.deployment)
        }
        fresh = [arn for arn in listed if arn not in self.before and arn not in self.ended]
        for arn in fresh:
            self._tell(arn)
            if listed[arn] != "RUNNING":
                self.ended.add(arn)
                if listed[arn] != "SUCCEEDED":
                    self.failed.append(arn)
        return any(listed[arn] == "RUNNING" for arn in fresh)

    def _tell(self, arn: str) -> None:
        found = executions.steps(self.deployment, arn)
        if not any(step.name == FIRST.name for step in found):
            return  # it has claimed no files, or none yet
        done = [step for step in found if step.seconds is not None]
        for step in done[self.told.get(arn, 0) :]:
            self.steps.append(step)
            self.on_step(step)
        self.told[arn] = len(done)


def begin(deployment: Deployment, on_step: Callable[[executions.Step], None]) -> Watch:
    """Start watching; call it before the upload, so that earlier executions are not taken for new ones."""
    before = frozenset(item["executionArn"] for item in executions.executions(deployment))
    return Watch(deployment=deployment, on_step=on_step, before=before)


def tell(step: executions.Step, watch: Stopwatch) -> None:
    """Print a step that took time."""
    if step.takes_time:
        watch.say(f"{step.name} took {step.seconds:.1f} s")


def until_fates(
    watch: Watch, *, dataset: str, awaited: Collection[str], known: Collection[str]
) -> Outcome:
    """Block until every landing key in `awaited` has met its fate by a delivery that is not in `known`.

    Raises NoFate, naming the files, when that takes longer than PATIENCE_SECONDS.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        running = watch.poll()
        fates = [
            fate for fate in ledgers.files(watch.deployment, dataset) if fate.delivery not in known
        ]
        ended = {fate.landing_key for fate in fates if fate.status in ledgers.ENDED}
        missing = set(awaited) - ended
        if not running and (not missing or watch.failed):
            # a transfer is marked as arrived after its file has met its fate
            fates = [fate for fate in fates if fate.status != "arriving"]
            return Outcome(fates=fates, steps=watch.steps, failed_executions=watch.failed)
        if time.monotonic() > deadline:
            raise NoFate(
                f"no fate after {PATIENCE_SECONDS // 60} minutes: {', '.join(sorted(missing))}"
            )
        time.sleep(POLL_SECONDS)
