"""The clock of alarms: that of the machine, moved ahead by whoever does not want to wait.

What was stamped by the machine's clock is read in moved time, by the move that was in force then: a message that was
sent before an hour was skipped is an hour old afterwards.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable


class Clock:
    """Seconds since 1970, moved ahead; `real` is the clock that stamps."""

    def __init__(self, real: Callable[[], float] = time.time) -> None:
        self._real = real
        self._since: list[float] = [float("-inf")]  # machine time from which each move is in force
        self._ahead: list[float] = [0.0]  # in all

    def now(self) -> float:
        return self.at(self._real())

    def at(self, stamped: float) -> float:
        """Moved time of what the machine's clock stamped."""
        return stamped + self._ahead[bisect.bisect_right(self._since, stamped) - 1]

    def move(self, seconds: float) -> None:
        """Skip some seconds."""
        self._since.append(self._real())
        self._ahead.append(self._ahead[-1] + seconds)
