"""One run of a mart: lock, compute and publish, ledger, served by others, unlock. Each step may be repeated.

The same execution gets its own lock again, and a computation that was published and not noted finds its cut in the
table and does nothing. The lock is kept while others show the mart, so that what they compare with stands still; that
one of them fails is told, and fails nothing. A mart whose inputs were not all loaded yet waits: that is no failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from contracts.errors import PermanentError
from contracts.marts import Mart
from lambdas.run_mart import messages, showing
from lambdas.run_mart.messages import Failure
from pipeline.alerts import Announcer, counted, facts, failure_name, subject
from pipeline.ledger.marts import MartLedger
from pipeline.logs import Log
from rows.cuts import InputMissing
from rows.marts import MartResult, RolledBack

# Longer than all attempts of the state machine may take: a run whose lease is over is dead.
LEASE_SECONDS = 4 * 60 * 60
RECENT_RUNS = 50

Said = Literal["published", "unchanged", "waiting", "busy", "rolled back"]
Answer = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class RunMart:
    """Runs one mart; `compute` does it under a run's id, `undo` publishes the version before one again.

    `serving` are the consumers that the environment has.
    """

    mart: Mart
    environment: str
    ledger: MartLedger
    announcer: Announcer
    compute: Callable[[str], MartResult]
    undo: Callable[[str, int], RolledBack]
    serving: tuple[str, ...]
    now: Callable[[], datetime]

    def run(self, execution: str, *, trigger: str) -> Answer:
        """What the state machine decides by: how it ended, who is to show it, and whether the mart is wanted again.

        Where somebody is to show it, the lock is held until `close`. Raises whatever the computation raises; the lock
        is then still held, until `fail` or another attempt.
        """
        run_id = self.ledger.take(
            execution, trigger=trigger, now=self.now(), lease_seconds=LEASE_SECONDS
        )
        if run_id is None:
            return self._answer("busy", "another run computes it, and a further one follows")
        log = Log({"mart": self.mart.name, "run_id": run_id})
        try:
            result = self.compute(run_id)
        except InputMissing as error:
            ending = {"outcome": "waiting", "detail": str(error)}
            self.ledger.finish(run_id, "succeeded", ending, now=self.now())
            return self._answer("waiting", str(error), run_id=run_id)
        said: Said = "published" if result.is_new else "unchanged"
        detail = _detail(result)
        shown = self._shown()
        figures = {**_figures(said, detail, result), "shown": shown}
        self.ledger.finish(run_id, "succeeded", figures, now=self.now())
        log.info("mart run closed", outcome=said, rows=result.rows, detail=detail)
        serve = self._serve(shown, result.version, showing.lake_of(result))
        return self._answer(said, detail, run_id=run_id, rows=result.rows, serve=serve)

    def roll_back(self, execution: str, *, trigger: str) -> Answer:
        """As `run`, but the version before the published one is published again.

        Raises PermanentError when nothing was published, or nothing before it.
        """
        run_id = self.ledger.take(
            execution, trigger=trigger, now=self.now(), lease_seconds=LEASE_SECONDS
        )
        if run_id is None:
            return self._answer("busy", "another run computes it; roll it back once that has ended")
        done, shown = self.undo(run_id, self._published()), self._shown()
        detail = "the version before is published again, until the next run"
        figures = {
            "outcome": "rolled back",
            "detail": detail,
            "rows": done.rows,
            "totals": {name: str(total) for name, total in done.totals.items()},
            "cut": {name: str(version) for name, version in done.cut.items()},
            "version": str(done.version),
            "shown": shown,
        }
        self.ledger.finish(run_id, "succeeded", figures, now=self.now())
        lake = showing.rolled_back(done.version)
        serve = self._serve(shown, done.version, lake)
        return self._answer("rolled back", detail, run_id=run_id, rows=done.rows, serve=serve)

    def close(self, closing: Mapping[str, Any]) -> Answer:
        """End a run that was served: `closing` is its answer with `served`, which has one entry for each consumer."""
        run_id = str(closing["run_id"])
        run = self.ledger.run(run_id)
        done = showing.concluded(self.mart, run["version"], run["shown"], closing["served"])
        self.ledger.note(run_id, served=done.figures, shown=done.shown)
        if done.problems:
            self._tell_not_shown(done.problems, run_id)
        return self._answer(
            closing["status"],
            closing["detail"],
            run_id=run_id,
            rows=int(closing["rows"]),
            served=done.figures,
        )

    def _shown(self) -> showing.Shown:
        """What each consumer shows, as the newest run knows that noted it."""
        runs = self.ledger.newest(RECENT_RUNS)
        return dict(next((run["shown"] for run in runs if "shown" in run), {}))

    def _serve(
        self, shown: Mapping[str, str], version: int | None, lake: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """One entry for each consumer that does not show this version."""
        if version is None:
            return []
        owed = showing.owed(self.mart, self.serving, shown, version)
        return [{"consumer": name, "lake": dict(lake)} for name in owed]

    def _published(self) -> int:
        """The version that the newest run that ended well has left. Looked for among the last runs only."""
        runs = self.ledger.newest(RECENT_RUNS)
        found = next((run for run in runs if "version" in run), None)
        if found is None:
            raise PermanentError(
                f"none of the last {RECENT_RUNS} runs of {self.mart.name} published anything"
            )
        return int(found["version"])

    def fail(self, failure: Failure) -> Answer:
        """End the run of an execution that failed, and tell people once; whether the mart is wanted again."""
        run_id = self.ledger.held_by(failure.execution)
        is_published = False
        if run_id:
            ending = {"error": failure.error, "cause": failure.cause}
            self.ledger.finish(run_id, "failed", ending, now=self.now())
            is_published = self.ledger.run(run_id)["status"] == "succeeded"
        log = Log({"mart": self.mart.name, "run_id": run_id, "execution_arn": failure.execution})
        log.error("mart run failed", error=failure.error, cause=failure.cause)
        told = self._tell(failure, run_id or "", is_published=is_published)
        return {"told": told, "again": bool(run_id) and self.ledger.release(str(run_id))}

    def _answer(
        self,
        said: Said,
        detail: str,
        *,
        run_id: str = "",
        rows: int = 0,
        serve: Sequence[Mapping[str, Any]] = (),
        served: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Frees the lock, unless somebody is to show the mart."""
        again = bool(run_id) and not serve and self.ledger.release(run_id)
        return {
            "mart": self.mart.name,
            "status": said,
            "run_id": run_id,
            "rows": rows,
            "detail": detail,
            "again": again,
            "serve": list(serve),
            "served": dict(served or {}),
        }

    def _tell_not_shown(self, problems: Mapping[str, str], run_id: str) -> bool:
        """Once for each run: what it publishes next is served anew."""
        return self._announce(
            f"not-shown-{run_id}",
            f"published, but not in the {', '.join(sorted(problems))}",
            messages.body_of_not_shown(self.mart, problems, run_id),
            run_id=run_id,
            error=next(iter(sorted(problems.values()))).partition(":")[0],
        )

    def _tell(self, failure: Failure, run_id: str, *, is_published: bool) -> bool:
        return self._announce(
            failure_name(failure.execution),
            f"mart failed ({failure.error})",
            messages.body(self.mart, failure, is_published=is_published),
            run_id=run_id,
            error=failure.error,
        )

    def _announce(self, name: str, said: str, body: str, *, run_id: str, error: str) -> bool:
        known = facts(
            kind="failure",
            severity="error",
            environment=self.environment,
            dataset=self.mart.name,
            run_id=run_id,
        )
        return self.announcer.tell(
            name,
            topic="failed",
            subject=subject("error", self.environment, self.mart.name, said),
            body=body,
            attributes={**known, "error": error},
        )


def _detail(result: MartResult) -> str:
    if not result.is_new:
        return "its inputs stand as they did at the last run"
    if result.periods is None:
        return "an earlier attempt of the run had published it"
    if not result.periods:
        return "no period differs"
    number = counted(len(result.periods), "period")
    return f"{number} written, {result.periods[0]} to {result.periods[-1]}"


def _figures(said: Said, detail: str, result: MartResult) -> dict[str, Any]:
    """What the ledger keeps of a run; versions are texts, since they have more digits than most readers keep."""
    return {
        "outcome": said,
        "detail": detail,
        "rows": result.rows,
        "totals": {name: str(total) for name, total in result.totals.items()},
        "cut": {name: str(each.version) for name, each in result.cut.items()},
        "version": str(result.version),
    }
