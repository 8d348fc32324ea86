"""Judge mutants inside one pytest session: a start per mutant, of Spark above all, would take most of the time.

mutmut's trampolines look at call time which mutant is meant, so the same collected tests serve all of them. For each
function the tests that reach it are found once; a mutant is judged by those until one fails: first those that found
other mutants of the function, then the quickest. Run in the folder `mutants` that mutmut generated.
"""

from __future__ import annotations

import argparse
import random
import signal
import time
from collections import Counter, defaultdict
from pathlib import Path
from types import FrameType

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.format_utils import mangled_name_from_mutant_name

SURVIVED, KILLED, NO_TESTS = 0, 1, 33  # as mutmut writes them
LIMIT_SECONDS = (
    10  # of processor time, so that a busy machine ends nobody; ends a mutant that loops for ever
)
# A native traceback: the others parse the whole generated module for each failure.
QUIET = (
    "-q",
    "--no-header",
    "--tb=native",
    "-p",
    "no:xdist",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:warnings",
)


class OverTime(Exception):
    """A test took longer than LIMIT_SECONDS."""


class Judge:
    """Judges each mutant, or those of a seeded sample, or one of the equal parts of either (a pytest plugin)."""

    def __init__(self, sample: int | None, seed: int, part: tuple[int, int]) -> None:
        self.sample, self.seed = sample, seed
        self.part, self.parts = part
        self.reach: dict[str, list[pytest.Function]] = defaultdict(list)
        self.seconds: dict[str, float] = {}
        self.found: dict[str, Counter[str]] = defaultdict(Counter)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running every test once."""
        items = [item for item in session.items if isinstance(item, pytest.Function)]
        for item in items:
            self._learn(item)
        mutants = _mutants()
        chosen = random.Random(self.seed).sample(
            mutants, min(self.sample or len(mutants), len(mutants))
        )
        for data, name in chosen[self.part :: self.parts]:
            data.exit_code_by_key[name] = self._judge(name)
            data.save()
        broken = [item.nodeid for item in items if not _passes(item, "")]
        if broken:
            raise pytest.UsageError(
                f"mutants left a trace, judge them again: {broken} fail without any"
            )
        return True

    def _learn(self, item: pytest.Function) -> None:
        state()._stats.clear()
        began = time.perf_counter()
        if not _passes(item, "stats"):
            raise pytest.UsageError(f"{item.nodeid} fails without any mutant")
        self.seconds[item.nodeid] = time.perf_counter() - began
        for function in state()._stats:
            self.reach[function].append(item)

    def _judge(self, name: str) -> int:
        function = mangled_name_from_mutant_name(name)
        found = self.found[function]
        for item in sorted(
            self.reach[function], key=lambda item: (-found[item.nodeid], self.seconds[item.nodeid])
        ):
            if not _passes(item, name):
                found[item.nodeid] += 1
                return KILLED
        return SURVIVED if self.reach[function] else NO_TESTS


def main() -> None:
    """Judge the mutants by the tests that are named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int, help="mutants in all; default: every one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--part", type=int, nargs=2, default=(0, 1), metavar=("PART", "PARTS"), help="from 0"
    )
    parser.add_argument("tests", nargs="+")
    asked = parser.parse_args()
    signal.signal(signal.SIGVTALRM, _stop)
    judge = Judge(asked.sample, asked.seed, tuple(asked.part))
    raise SystemExit(pytest.main([*QUIET, *asked.tests], plugins=[judge]))


def _mutants() -> list[tuple[SourceFileMutationData, str]]:
    found = []
    for path in sorted(Path().rglob("*.meta")):
        data = SourceFileMutationData(path=path.with_suffix(""))
        data.meta_path = path  # mutmut itself runs one folder above
        data.load()
        found += [(data, name) for name in data.exit_code_by_key]
    return found


def _passes(item: pytest.Function, mutant: str) -> bool:
    """Run a test again, with fixtures of its own but those of the session (Spark)."""
    item._initrequest()
    set_mutant_under_test(mutant)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_SECONDS, 1)  # and again: a library may swallow it
    try:
        reports = runtestprotocol(item, log=False, nextitem=item.session)  # type: ignore[arg-type]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        set_mutant_under_test("")
    return not any(report.failed for report in reports)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise OverTime


if __name__ == "__main__":
    main()
