"""What happens in a schedule: deliveries, repeated and out of order, and an operator, all by the seed.

Afterwards a person does what the messages say: frees what a stopped execution left, starts a run, sends what was
rolled back or retracted again. Then everything must have come to its end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from lambdas.intake.storage import SFTP_AGENT, SFTP_METADATA
from pipeline import intake_messages
from pipeline.ledger import incomplete_entry, timestamp
from pipeline.modes import works_on_files
from tests.simulation.deployment import (
    CARE_MACHINE,
    DATASET,
    RUN_MACHINE,
    Controlled,
    Deployment,
    contract,
)
from tests.simulation.machines import FIRST, ORDER, Machines
from tests.simulation.promises import Delivery, Promises
from tests.simulation.world import Actor, BrokenPromise, Killed, Weather, World

LONGEST_LAG_SECONDS = 50
CALM = Weather(kill=0, repeat=0, stall=0, stall_seconds=0, lag_seconds=LONGEST_LAG_SECONDS)
WEATHERS = (
    CALM,
    replace(CALM, kill=0.03),
    replace(CALM, kill=0.01, repeat=0.03, stall=0.04, stall_seconds=300),
    replace(
        CALM, kill=0.02, repeat=0.01, stall=0.02, stall_seconds=20_000
    ),  # longer than a lease: zombies
)
TRIES_TO_TIDY = 4
MOST_DUE = 10


@dataclass
class Schedule:
    """One seed, played."""

    seed: int

    def __post_init__(self) -> None:
        self.world = World(seed=self.seed, weather=WEATHERS[self.seed % len(WEATHERS)])
        self.deployment = Deployment(self.world)
        self.machines = Machines(self.deployment, task_begins=self._stop_in_task)
        self.stops = 0.1 if self.seed % 2 else 0.0
        self.deployment.begin = self.machines.begin
        self.promises = Promises(self.deployment, self.machines)
        self.uploads = 0

    def play(self) -> None:
        """Raises BrokenPromise, with the schedule, when a promise does not hold."""
        try:
            with Controlled(self.world):
                self._plan()
                self.world.run()
                self._come_to_rest()
                self.promises.at_rest()
                self._tidy()
                self.promises.at_end()
        except Exception as broken:
            command = f"python -m tests.simulation {self.seed}"
            raise BrokenPromise(f"seed {self.seed}: {broken}\nthe schedule: {command}") from broken

    def _come_to_rest(self) -> None:
        """What is due every few minutes comes until it finds nothing to do."""
        for _ in range(MOST_DUE):
            self._send(intake_messages.due(0), name="due at last", after=LONGEST_LAG_SECONDS)
            self.world.run()
            if not self.promises.returning():
                return

    def _plan(self) -> None:
        dice = self.world.random
        contents = [_content(number) for number in range(dice.randint(1, 4))]
        if dice.random() < 0.2:
            self.machines.bad.add(_sha(contents[-1]))
        for number, content in enumerate(contents):
            self._deliver(number, content, after=dice.random() * dice.choice((5, 600)))
            while dice.random() < 0.3:
                self._deliver(number, content, after=dice.random() * dice.choice((5, 600, 3000)))
        if dice.random() < 0.1:
            self._deliver(9, b"no,such\nheader,1\n", after=0)
        for act in dice.sample(self._acts, dice.randint(0, 3)):
            self.world.spawn(
                f"operator: {act.__name__}", self._operator(act), after=dice.random() * 2500
            )

    def _deliver(
        self, number: int, content: bytes, *, after: float, may_be_sftp: bool = True
    ) -> None:
        """An upload, whose event comes once or twice, each time later than another upload's may come."""
        self.uploads += 1
        upload, is_sftp = self.uploads, may_be_sftp and self.world.random.random() < 0.3
        self.world.spawn(
            f"upload {upload}",
            lambda _me: self._upload(number, upload, content, is_sftp),
            after=after,
        )

    def _upload(self, number: int, upload: int, content: bytes, is_sftp: bool) -> None:
        dice = self.world.random
        key = f"partners/acme/{contract().intake.folder}/file{number}_{upload}.csv"
        metadata = {SFTP_METADATA: SFTP_AGENT} if is_sftp else {}
        version = self.deployment.s3.put("landing", key, content, metadata)
        sequencer, etag = f"{upload:016X}", hashlib.md5(content).hexdigest()
        self.promises.deliveries.append(
            Delivery(
                key=key, sequencer=sequencer, version_id=version.version_id, sha256=_sha(content)
            )
        )
        seen = {"key": key, "size": len(content), "etag": etag, "version-id": version.version_id}
        landed = {"bucket": {"name": "landing"}, "object": {**seen, "sequencer": sequencer}}
        self._send(_event("Object Created", version.at, landed), name=f"event of {upload}")
        if is_sftp and dice.random() < 0.9:  # Transfer Family's events are best effort
            ended = {"file-path": f"/landing/{key}", "etag": etag, "bytes": len(content)}
            self._send(
                _event("SFTP Server File Upload Completed", version.at, ended),
                name=f"end of {upload}",
            )
        if is_sftp:
            self._send(intake_messages.due(15), name=f"due after {upload}", after=20 * 60)

    def _send(self, event: dict[str, Any], *, name: str, after: float = 0) -> None:
        """The event comes once or twice, some time later."""
        dice = self.world.random
        for place in range(dice.choice((1, 1, 2))):
            delay = after + dice.random() * dice.choice((1, 30, 400))
            self.world.spawn(f"{name}, {place}", lambda _me: self._take(event, name), after=delay)

    def _take(self, event: dict[str, Any], name: str) -> None:
        """SQS hands the message out until intake has taken it."""
        tries = 0
        while True:
            tries += 1
            attributes = {"ApproximateReceiveCount": str(tries)}
            record = {
                "messageId": name,
                "receiptHandle": name,
                "body": json.dumps(event),
                "attributes": attributes,
            }
            try:
                if not self.deployment.intake.handle_batch([record]):
                    return
            except Killed:
                self.world.note("intake was killed; the message comes again")
            self.world.sleep(30 + self.world.random.random() * 30)

    def _stop_in_task(self, actor: Actor, task: str) -> None:
        """Somebody stops an execution just when it claims or closes, and starts another run."""
        dice = self.world.random
        if task not in ("ClaimBatch", "CloseRun") or dice.random() > self.stops:
            return
        mine = [
            each
            for each in self.deployment.stepfunctions.of(RUN_MACHINE)
            if each.name == actor.name
        ]

        def stop(_me: Actor) -> None:
            for execution in mine:
                if execution.status == "RUNNING":
                    self.machines.stop(execution)
            self.world.sleep(dice.choice((1, 30)))
            self.start()

        self.world.spawn(
            f"stop of {actor.name}", stop, after=dice.random() * dice.choice((0.5, 3, 30))
        )

    def _operator(self, act: Callable[[], None]) -> Callable[[Actor], None]:
        return lambda _me: act()

    @cached_property
    def _acts(self) -> list[Callable[[], None]]:
        return [
            self.stop, self.stop, self.roll_back, self.retry, self.set_aside, self.release, self.start, self.backfill,
            self.maintain, self.retract,
        ]  # fmt: skip

    def stop(self) -> None:
        """Stop an execution that runs; its task goes on."""
        running = [
            each
            for each in self.deployment.stepfunctions.executions.values()
            if each.machine in (RUN_MACHINE, CARE_MACHINE) and each.status == "RUNNING"
        ]
        if running:
            chosen = self.world.random.choice(running)
            self.world.note(f"stops {chosen.name}")
            self.machines.stop(chosen)

    def roll_back(self) -> None:
        """Roll back a run that succeeded, and every later one."""
        if run_id := self._some_run("succeeded"):
            request = {"mode": "rollback", "run_id": run_id, "with_later": True}
            self.machines.start(CARE_MACHINE, f"rollback-{self.world.now:.3f}", request)

    def maintain(self) -> None:
        """Maintain the tables."""
        self.machines.start(CARE_MACHINE, f"maintain-{self.world.now:.3f}", {"mode": "maintenance"})

    def retry(self) -> None:
        """Go on with a run that failed, at some step, once nothing of its execution is at work (docs/guarantees.md)."""
        while self.machines.has_zombie():
            self.world.sleep(60)
        if run_id := self._some_run("failed"):
            step = self.world.random.choice((FIRST, *ORDER))
            self.machines.start(
                RUN_MACHINE,
                f"retry-{self.world.now:.3f}",
                {"resume": {"run_id": run_id, "from": step}},
            )

    def start(self) -> None:
        """Start a run."""
        self.machines.start(RUN_MACHINE, f"start-{self.world.now:.3f}", {})

    def backfill(self) -> None:
        """Load what is loaded anew."""
        self.machines.start(RUN_MACHINE, f"backfill-{self.world.now:.3f}", {"mode": "backfill"})

    def retract(self) -> None:
        """Take a loaded file out of the tables."""
        loaded = [item for item in self.deployment.file_items() if item["status"] == "loaded"]
        if loaded:
            sha256 = self.world.random.choice(loaded)["sha256"]
            asked = {"mode": "retraction", "files": [sha256], "by": "a person", "reason": "wrong"}
            self.machines.start(RUN_MACHINE, f"retract-{self.world.now:.3f}", asked)

    def set_aside(self) -> None:
        """Set a file that waits aside, for a while."""
        waiting = [item for item in self.deployment.file_items() if item["status"] == "waiting"]
        if not waiting:
            return
        sha256 = self.world.random.choice(waiting)["sha256"]
        moment = timestamp(self.world.moment())
        if self.deployment.files.set_aside(
            DATASET, sha256, held="waiting", reason="by hand", moment=moment
        ):
            self.promises.released_by_hand.add(sha256)

    def release(self) -> None:
        """Let a file that was set aside wait again, and start a run."""
        aside = [item for item in self.deployment.file_items() if item["status"] == "set_aside"]
        if aside:
            sha256 = self.world.random.choice(aside)["sha256"]
            self.promises.released_by_hand.add(sha256)
            self.deployment.files.release(DATASET, sha256)
            self.start()

    def _some_run(self, status: str) -> str | None:
        loads = [
            run_id
            for run_id, run in self.deployment.run_items().items()
            if run["status"] == status and works_on_files(run["mode"])
        ]
        return self.world.random.choice(loads) if loads else None

    def _tidy(self) -> None:
        """A person does what doctor and the messages say."""
        self.world.weather, self.machines.job_failures, self.stops = CALM, 0.0, 0.0
        self.world.spawn("tidy: free the lock", self._free)
        self._accept()
        self.world.run()
        self._roll_back_again()
        self.promises.retracted_are_out()
        for item in self.deployment.file_items():
            if (
                item["status"] in ("set_aside", "retracted")
                and item["sha256"] not in self.machines.bad
            ):
                number = int(item["file_name"][4])
                self._deliver(number, _content(number), after=1, may_be_sftp=False)
        self.world.run()
        for attempt in range(TRIES_TO_TIDY):
            self._come_to_rest()
            if all(
                item["status"] in ("loaded", "set_aside") for item in self.deployment.file_items()
            ):
                break
            name = f"tidy-{attempt}"
            self.world.spawn(name, lambda _me: self.machines.start(RUN_MACHINE, name, {}))  # noqa: B023 - run at once
            self.world.run()

    def _accept(self) -> None:
        """`slipway files accept` for each object of whose upload nobody told the end."""
        for each in self.promises.deliveries:
            entry = incomplete_entry(each.key, each.sequencer)
            if (DATASET, entry) in self.deployment.file_table.items:
                told = intake_messages.accepted(
                    bucket="landing",
                    key=each.key,
                    sequencer=each.sequencer,
                    version_id=each.version_id,
                    by="a person",
                )
                self._send(told, name=f"{each.key} accepted")

    def _free(self, me: Actor) -> None:
        """`slipway runs release`: FailRun for an execution that is dead and holds the lock, or has a run that runs."""
        held = [lock] if (lock := self.deployment.lock_item()) else []
        running = [
            run for run in self.deployment.run_items().values() if run["status"] == "running"
        ]
        for item in [*held, *running]:
            self.machines.report(
                me, self.deployment.stepfunctions.executions[item["execution_arn"]]
            )
        holders = {
            each["run_id"] for each in self.deployment.file_items() if each["status"] == "claimed"
        }
        for run_id in sorted(
            holders
        ):  # `slipway runs retry`, which finds them claimed by its own run
            request = {"resume": {"run_id": run_id, "from": FIRST}}
            self.machines.start(RUN_MACHINE, f"tidy-{run_id}", request)

    def _roll_back_again(self) -> None:
        """A rollback that failed may have changed the table already: it is asked for again, as its message says."""
        executions = [
            each
            for each in self.deployment.stepfunctions.of(CARE_MACHINE)
            if each.status != "SUCCEEDED"
        ]
        for place, execution in enumerate(executions):
            request, name = execution.request, f"rollback-again-{place}"
            if request["mode"] == "rollback":
                self.world.spawn(name, lambda _me: self.machines.start(CARE_MACHINE, name, request))  # noqa: B023
                self.world.run()


def _event(kind: str, at: datetime, detail: dict[str, Any]) -> dict[str, Any]:
    return {"id": kind, "detail-type": kind, "time": timestamp(at), "detail": detail}


def _content(number: int) -> bytes:
    values = f"Asia,Japan,Snacks,Online,H,1/31/2026,{number},2/1/2026,10,2.00,1.50,20.00,15.00,5.00"
    header = ",".join(column.source_name for column in contract().columns)
    return f"{header}\n{values}\n{values}\n".encode()


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
