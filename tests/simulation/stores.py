"""Runs that need the internal database, sweeps, and an instance of RDS: the real function under a virtual clock.

A run's machine asks for the store, writes, and gives it back. It may be stopped at any moment; what it had begun to
write goes on for as long as a function may. Functions are killed before or after a call of AWS, and repeated by the
machine; sweeps are not. RDS answers late by some seconds, and takes its time to stop and start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from contracts.errors import RetryableError, StoreAsleep
from lambdas.rest_database.service import (
    AVAILABLE,
    CLOSING_SECONDS,
    LEASE_SECONDS,
    STOPPED,
    STORE,
    RestDatabase,
)
from pipeline.store_leases import StoreLeases
from tests.simulation.table import MemoryTable
from tests.simulation.world import Actor, BrokenPromise, Killed, Weather, World

FUNCTION_SECONDS = 60  # the time of the function
WRITE_SECONDS = 870  # of the function that writes
LOOK_SECONDS = 20
SWEEP_SECONDS = 900
MACHINE_SECONDS = 5400
WEEK = 7 * 24 * 3600
LAG_SECONDS = 10.0  # by which an answer of DescribeDBInstances may be old
FIRST = "run 0"
STATES = ("Resume", "WaitForDatabase", "WriteBack", "Pause")  # all that last, of an instance
Answer = TypeVar("Answer")


@dataclass
class MemoryInstance:
    """An instance of RDS; `watch` hears of each change."""

    world: World
    watch: Callable[[], None]
    name: str = "slipway"
    history: list[tuple[float, str]] = field(default_factory=lambda: [(0.0, STOPPED)])
    stopped_at: float = 0.0

    @property
    def truth(self) -> str:
        """As it is."""
        return self.history[-1][1]

    def status(self) -> str:
        return str(self.world.call("describe", self._seen))

    def start(self) -> None:
        self.world.call("start", lambda: self._begin(STOPPED, "starting", AVAILABLE, 60, 600))

    def stop(self) -> None:
        self.world.call("stop", lambda: self._begin(AVAILABLE, "stopping", STOPPED, 30, 400))

    def started_by_aws(self) -> None:
        """After seven days."""
        self._begin(STOPPED, "starting", AVAILABLE, 60, 600)

    def _seen(self) -> str:
        moment = self.world.now - self.world.random.choice((0.0, 0.0, LAG_SECONDS))
        return next(status for at, status in reversed(self.history) if at <= moment or at == 0.0)

    def _begin(self, needed: str, now: str, then: str, least: int, most: int) -> None:
        if self.truth != needed:
            return  # InvalidDBInstanceState
        self._become(now)
        takes = self.world.random.uniform(least, most)
        self.world.spawn(f"rds {now}", lambda _actor: self._become(then), after=takes)

    def _become(self, status: str) -> None:
        self.history.append((self.world.now, status))
        if status == STOPPED:
            self.stopped_at = self.world.now
        self.watch()


@dataclass
class StoreSchedule:
    """Three runs that overlap, sweeps until everything rests, one restart by AWS; a seed decides the rest."""

    seed: int
    ends_in: str | None = (
        None  # the state in which the first run ends, killed as it enters it or while it is there
    )
    writing: set[str] = field(default_factory=set)
    ends: list[int] = field(default_factory=list)
    held_until: float = 0.0
    idle_since: float | None = None
    longest_idle: float = 0.0
    dead_sweeps: int = 0
    most_dead_sweeps: int = 0
    ended_in: set[str] = field(default_factory=set)
    written: int = 0

    def __post_init__(self) -> None:
        rough = self.seed % 4
        weather = Weather(
            kill=(0.0, 0.03, 0.1, 0.3)[rough],
            repeat=0.03,
            stall=0.05,
            stall_seconds=45.0,
            lag_seconds=0.0,
            most_kills=40,
        )
        self.world = World(seed=self.seed, weather=weather)
        self.table = MemoryTable(
            name="runs", call=self.world.call, watch=lambda _b, _a: self.look()
        )
        self.instance = MemoryInstance(world=self.world, watch=self.look)

    def play(self) -> None:
        """Raises BrokenPromise."""
        dice = self.world.random
        spread = dice.choice((60.0, 900.0, 3600.0))
        for number in range(3):
            self.world.spawn(f"run {number}", self._machine, after=dice.random() * spread)
        last = spread + MACHINE_SECONDS + LEASE_SECONDS
        for number in range(int(last // SWEEP_SECONDS) + 6):
            self.world.spawn(
                f"sweep {number}", self._sweep, after=number * SWEEP_SECONDS + dice.random() * 30
            )
        if dice.random() < 0.3:
            self.world.spawn(
                "aws", lambda _a: self.instance.started_by_aws(), after=dice.random() * last
            )
        self.world.run()
        self.world.weather = Weather(kill=0, repeat=0, stall=0, stall_seconds=0, lag_seconds=0)
        for number in range(LEASE_SECONDS // SWEEP_SECONDS + 2):
            self.world.spawn(f"late sweep {number}", self._sweep, after=number * SWEEP_SECONDS)
        self.world.run()
        if self.instance.truth != STOPPED:
            raise BrokenPromise(f"nobody holds the store, which is {self.instance.truth}")

    def race(self) -> None:
        """Raises BrokenPromise."""
        self.instance.history = [(0.0, AVAILABLE)]
        for name, work in (("run", self._machine), ("sweep", self._sweep)):
            self.world.spawn(name, work, after=self.world.random.random() * 3)
        self.world.run()

    def service(self) -> RestDatabase:
        """As a function that has just been started."""
        return RestDatabase(
            leases=StoreLeases(table=self.table, store=STORE),
            instance=self.instance,
            clock=lambda: self.world.now,
        )

    def look(self) -> None:
        """At each change: nobody's store sleeps. Notes since when it is awake for nobody."""
        if self.writing and self.instance.truth != AVAILABLE:
            raise BrokenPromise(f"{sorted(self.writing)} write while it is {self.instance.truth}")
        now = self.world.now
        self.held_until = max([self.held_until, *(min(end, now) for end in self.ends)])
        item = self.table.items.get((STORE, "leases"), {"ends": {}})
        self.ends = [int(end) for end in item["ends"].values()]
        if self.instance.truth != AVAILABLE or any(end > now for end in self.ends):
            self.idle_since = None
            return
        became = next(at for at, status in reversed(self.instance.history) if status == AVAILABLE)
        self.idle_since = max(became, self.held_until, *self.ends, 0.0)
        self.longest_idle = max(self.longest_idle, now - self.idle_since)

    def _machine(self, actor: Actor) -> None:
        """States of write_back.asl.json: hold and wait, write, give back. Stopped at a random moment, or not."""
        dice, owner = self.world.random, actor.name
        stops = dice.choice((None, None, dice.random() * 1800))
        began = self.world.now
        ends_in = self.ends_in if owner == FIRST else None
        is_late = dice.random() < 0.5  # stopped while it is there, not as it enters

        def is_stopped(state: str, *, left: bool = False) -> bool:
            if ends_in == state and left == is_late:
                self.ended_in.add(state)
                return True
            return ends_in is None and stops is not None and self.world.now - began > stops

        while not is_stopped("Resume"):
            resumed = self._task(actor, lambda: self.service().resume(owner, since=began))
            if is_stopped("Resume", left=True):
                return
            if resumed is None:
                break
            if resumed.is_awake:
                if is_stopped("WriteBack"):
                    return
                self._write(actor)  # which goes on after its machine was stopped
                if is_stopped("WriteBack", left=True):
                    return
                break
            if is_stopped("WaitForDatabase"):
                return
            self.world.sleep(LOOK_SECONDS)
            if is_stopped("WaitForDatabase", left=True):
                return
        else:
            return
        if not is_stopped("Pause"):
            self._task(actor, lambda: self.service().pause(owner))
            is_stopped("Pause", left=True)

    def _write(self, actor: Actor) -> None:
        self.writing.add(actor.name)
        self.written += 1
        self.look()
        self.world.sleep(self.world.random.uniform(1, WRITE_SECONDS))
        self.look()
        self.writing.discard(actor.name)

    def _task(self, actor: Actor, work: Callable[[], Answer]) -> Answer | None:
        """One state: the function, and again as often as the machine retries. None: it failed."""
        for _ in range(5):
            try:
                return self._function(actor, work)
            except StoreAsleep:
                return None
            except (Killed, RetryableError):
                self.world.sleep(5)
        return None

    def _function(self, actor: Actor, work: Callable[[], Answer]) -> Answer:
        actor.deadline = self.world.now + FUNCTION_SECONDS
        try:
            return work()
        finally:
            actor.deadline = float("inf")

    def _sweep(self, actor: Actor) -> None:
        """One that is not killed leaves nothing awake for nobody, unless that came about meanwhile."""
        began, idle = self.world.now, self._idle_now()
        try:
            self._function(actor, self.service().sweep)
        except (Killed, RetryableError):
            self.dead_sweeps += 1
            self.most_dead_sweeps = max(self.most_dead_sweeps, self.dead_sweeps)
            return
        self.dead_sweeps = 0
        settled = idle is not None and began - idle > LAG_SECONDS
        if settled and self._idle_now() == idle:
            raise BrokenPromise(f"awake for nobody since {idle}, and a sweep at {began} left it so")

    def _idle_now(self) -> float | None:
        self.look()
        return self.idle_since


def bound(dead_sweeps: int) -> float:
    """For how long at most the store is awake although nobody holds it, in seconds: see docs/guarantees.md."""
    return (dead_sweeps + 1) * (SWEEP_SECONDS + 30 + FUNCTION_SECONDS) + CLOSING_SECONDS


def played(seed: int, *, ends_in: str | None = None) -> StoreSchedule:
    """A schedule that was played."""
    schedule = StoreSchedule(seed, ends_in=ends_in)
    schedule.play()
    return schedule


def raced(seed: int) -> StoreSchedule:
    """A schedule in which a run and a sweep find at the same moment that the store is awake for nobody."""
    schedule = StoreSchedule(seed)
    schedule.race()
    return schedule
