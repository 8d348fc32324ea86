"""Every proof that `make test` leaves out is in a slice, and every slice has its turn."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chaos.__main__ import EXPERIMENTS
from tests import deep, timing
from tests.mutation.groups import GROUPS

TESTS = Path(__file__).parents[1]
NAMES = [one.name for one in deep.SLICES]
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
DEEP = re.compile(r"pytest\.mark\.deep")


def test_ci_once_a_day_comes_to_every_slice_whatever_the_hour() -> None:
    for hour in range(24):
        days = (NOON.replace(hour=hour) + timedelta(days=day) for day in range(len(NAMES)))
        assert {deep.next_slice(day).name for day in days} == set(NAMES)


def test_ci_without_a_rest_takes_another_slice_each_time() -> None:
    turns = (NOON + timedelta(minutes=deep.TURN_MINUTES * turn) for turn in range(len(NAMES)))
    assert sorted(deep.next_slice(turn).name for turn in turns) == sorted(NAMES)


def test_no_slice_takes_more_than_make_test_leaves_of_a_turn() -> None:
    assert max(one.minutes for one in deep.SLICES) <= deep.LONGEST_SLICE_MINUTES
    assert len(NAMES) == len(set(NAMES))


def test_every_mutation_group_and_every_experiment_has_a_slice() -> None:
    assert {f"mutants {group}" for group in GROUPS} <= set(NAMES)
    assert {name.split()[1] for name in NAMES if name.startswith("chaos ")} == set(EXPERIMENTS)


def test_every_file_with_deep_tests_is_in_a_slice() -> None:
    marked = {path for path in TESTS.rglob("test_*.py") if DEEP.search(path.read_text())}
    left_out = marked - {Path(__file__)}
    for one in deep.SLICES:
        option = "--ignore="
        ignored = {
            TESTS.parent / word.removeprefix(option)
            for word in one.command
            if word.startswith(option)
        }
        run = {TESTS.parent / word for word in one.command if word.startswith("tests/")}
        left_out -= {
            path for path in left_out if path not in ignored and run & {path, *path.parents}
        }
    assert left_out == set()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("chaos faults --engine=spark", 6),
        ("chaos faults --engine=duckdb", 2),
        ("jobs killed at every write", 8),
        ("simulated schedules", 2),
    ],
)
def test_the_shares_of_a_long_proof_are_all_there(name: str, parts: int) -> None:
    shares = [re.findall(r"(\d+)/(\d+)$", one) for one in NAMES if one.startswith(name)]
    assert [share for (share,) in shares] == [
        (str(number), str(parts)) for number in range(1, parts + 1)
    ]


def test_a_slice_that_fails_fails_the_command_and_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timing, "REPORTS", tmp_path)
    ends = {"good": "0", "bad": "3"}
    slices = [
        deep.Slice(
            name=name, minutes=1, command=(sys.executable, "-c", f"raise SystemExit({code})")
        )
        for name, code in ends.items()
    ]
    monkeypatch.setattr(deep, "SLICES", slices)
    assert deep.main(["good"]) == 0
    assert deep.main(["--all"]) == 1
    out = capsys.readouterr().out
    assert "slice 2 of 2: bad" in out
    assert out.rstrip().endswith("FAILED bad")


def test_what_no_slice_is_called_is_refused_with_the_way_to_the_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for wrong in (["no such slice"], []):
        with pytest.raises(SystemExit):
            deep.main(wrong)
    assert "--list" in capsys.readouterr().err


def test_the_table_adds_up_the_minutes_of_a_suite_and_names_the_slowest_tests(
    tmp_path: Path,
) -> None:
    assert timing.timed("lint", [sys.executable, "-c", "raise SystemExit(2)"], tmp_path) == 2
    notes = [
        {"suite": suite, "seconds": seconds, "ended": ended}
        for suite, seconds, ended in (("unit", 60, 100), ("types", 90, 110), ("unit", 30, 130))
    ]
    (tmp_path / timing.NOTES).write_text(
        "".join(json.dumps(note) + "\n" for note in notes), encoding="utf-8"
    )
    cases = "".join(
        f'<testcase classname="c" name="t{number}" time="{number}"/>' for number in range(12)
    )
    (tmp_path / "unit.xml").write_text(
        f"<testsuites><testsuite>{cases}</testsuite></testsuites>", encoding="utf-8"
    )
    *suites, _ = (lines := list(timing.table(tmp_path)))[:4]
    slowest = lines[4:]
    assert [line.split() for line in suites] == [
        ["1.5", "min", "unit"],
        ["1.5", "min", "types"],
        ["1.8", "min", "together"],
    ]
    assert [line.split()[-1] for line in slowest] == [
        f"c::t{number}" for number in range(11, 1, -1)
    ]
