"""A virtual clock, and actors that run one at a time: the real code runs unmodified, each AWS call is a yield point.

Each actor has a thread, because the code under test calls AWS from the depth of its stack. A thread only runs while it
has the baton, and who gets it next follows from the seed alone: so a seed is a schedule, and replays exactly.
"""

from __future__ import annotations

import heapq
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

BEGINNING = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOST_STEPS = 20_000  # a schedule that has not come to rest by then never will


class Killed(BaseException):
    """The actor's process ends here. No `except Exception` of the code under test may hold it up."""


class Stopped(BaseException):
    """The schedule has failed; whoever still runs ends."""


class BrokenPromise(AssertionError):
    """An invariant of docs/guarantees.md does not hold."""


@dataclass(frozen=True, kw_only=True)
class Weather:
    """How rough a schedule is; probabilities are per AWS call."""

    kill: float
    """Its process ends, before the call or after."""
    repeat: float
    """The call is carried out, its answer is lost, and botocore sends it again."""
    stall: float
    """It takes up to `stall_seconds`."""
    stall_seconds: float
    lag_seconds: float
    """Up to which an index lags behind."""
    most_kills: int = 6


@dataclass
class Actor:
    """One thread of work. `is_stopped` is asked between two tasks: Step Functions starts no further one."""

    name: str
    gate: threading.Lock
    deadline: float = math.inf
    """When Lambda ends the function that the actor is in."""
    is_stopped: bool = False
    has_ended: bool = False


@dataclass
class World:
    """Runs actors by a seed. Times are seconds since BEGINNING."""

    seed: int
    weather: Weather
    now: float = 0.0
    kills: int = 0
    trace: list[tuple[float, str, str]] = field(default_factory=list)
    failure: BaseException | None = None

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._queue: list[tuple[float, int, Actor]] = []
        self._order = 0
        self._main = threading.Lock()
        self._main.acquire()
        self._local = threading.local()

    def moment(self) -> datetime:
        """The virtual time of day."""
        return BEGINNING + timedelta(seconds=self.now)

    def lag(self) -> float:
        """How long a change takes to reach an index: mostly nothing, sometimes as long as it may."""
        return self.random.choice((0.0, 0.1, self.random.random() * self.weather.lag_seconds))

    def spawn(self, name: str, work: Callable[[Actor], object], *, after: float = 0.0) -> Actor:
        """An actor that begins `after` seconds from now."""
        gate = threading.Lock()
        gate.acquire()
        actor = Actor(name=name, gate=gate)
        threading.Thread(target=self._live, args=(actor, work), daemon=True).start()
        self._enqueue(actor, after)
        return actor

    def run(self) -> None:
        """Let everybody go on until nobody has anything to do. Raises the first failure."""
        self._pass_on()
        self._main.acquire()
        if self.failure is not None:
            raise self.failure

    def sleep(self, seconds: float) -> None:
        """The current actor does nothing for a while."""
        me: Actor = self._local.actor
        self._enqueue(me, seconds)
        after = self._next()
        if after is not me:
            after.gate.release()
            me.gate.acquire()
        if self.failure is not None:
            raise Stopped
        if len(self.trace) > MOST_STEPS:
            raise BrokenPromise(f"no rest after {MOST_STEPS} steps")

    def call(self, label: str, do: Callable[[], Any]) -> Any:
        """One AWS call of the current actor. Outside of any actor, it is simply done."""
        if getattr(self._local, "actor", None) is None:
            return do()
        self.sleep(self._latency())
        if self.now > self._local.actor.deadline:
            self.note("killed: out of time")
            raise Killed
        self.note(label)
        return self._done(label, do, self.random.random())

    def _done(self, label: str, do: Callable[[], Any], fate: float) -> Any:
        """Carry the call out, or not, or twice. What shows a fault of code or fake is kept, whoever catches it."""
        weather, dice = self.weather, self.random
        try:
            if fate < weather.kill and self.kills < weather.most_kills:
                self._kill(do if dice.random() < 0.5 else None)
            if fate > 1 - weather.repeat:
                do()  # a condition that does not hold is an answer, and so is not lost
                self.note(f"answer lost, sent again: {label}")
                self.sleep(self._latency())
            return do()
        except (AssertionError, NotImplementedError, ValueError) as fault:
            self.failure = self.failure or fault
            raise

    def note(self, text: str) -> None:
        """A line of the schedule."""
        self.trace.append((self.now, self._local.actor.name, text))

    def _kill(self, last: Callable[[], Any] | None) -> None:
        self.kills += 1
        self.note("killed after this call" if last else "killed before this call")
        try:
            if last:
                last()
        except (AssertionError, NotImplementedError, ValueError):
            raise
        except Exception:  # noqa: BLE001 - an answer of AWS, which nobody hears
            raise Killed from None
        raise Killed

    def _latency(self) -> float:
        dice, weather = self.random, self.weather
        if dice.random() < weather.stall:
            return dice.random() * weather.stall_seconds
        return dice.random() * dice.choice((0.01, 0.1, 2.0))

    def _enqueue(self, actor: Actor, after: float) -> None:
        self._order += 1
        heapq.heappush(self._queue, (self.now + after, self._order, actor))

    def _next(self) -> Actor:
        moment, _, actor = heapq.heappop(self._queue)
        self.now = max(self.now, moment)
        return actor

    def _pass_on(self) -> None:
        if self._queue:
            self._next().gate.release()
        else:
            self._main.release()

    def _live(self, actor: Actor, work: Callable[[Actor], object]) -> None:
        actor.gate.acquire()
        self._local.actor = actor
        try:
            if self.failure is None:
                work(actor)
        except (Stopped, Killed):
            pass
        except BaseException as error:  # noqa: BLE001 - handed to whoever runs the schedule
            self.failure = self.failure or error
        actor.has_ended = True
        self._pass_on()
