"""`slipway files retract`: which file is meant, what is told before it asks, the request, and how it is shown after."""

from __future__ import annotations

import getpass
from typing import Any

import pytest

from tests.unit.slipway.conftest import DATASET, PROCESSED, Account

WRONG, OLDER, GONE, CORRECTION = ("ab" * 32, "bc" * 32, "cd" * 32, "de" * 32)
KEY = "partners/acme/sales_records/wrong.csv"
WHY = ("--reason", "wrong month")
GAVE_WAY = {"effect": {"outdated": 1}}


@pytest.fixture
def lake(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """A wrong file with two rows and a refused record, above two files that gave way and one that did not."""
    monkeypatch.setattr("builtins.input", lambda _prompt: "no")
    account.put_file(
        WRONG,
        b"x",
        file_name="wrong.csv",
        landing_key=KEY,
        received_at="2026-02-01T00:00:00.000000Z",
    )
    account.put_file(OLDER, b"x", file_name="older.csv", **GAVE_WAY)
    account.put_file(GONE, file_name="gone.csv", **GAVE_WAY)
    account.put_file("ef" * 32, b"x", file_name="other.csv", effect={"new": 3})
    account.put_file(CORRECTION, b"x", file_name="fix.csv", replay_of=WRONG, effect={"new": 1})
    for sha256 in (WRONG, WRONG, OLDER):
        account.database.execute(
            f"INSERT INTO {PROCESSED}.{DATASET} (_source_sha256) VALUES (?)", (sha256,)
        )
    account.refuse(WRONG, 1, {"a": "x"}, resolved_by=CORRECTION)
    return account


@pytest.mark.parametrize("name", [WRONG[:8], KEY, "wrong.csv"])
def test_what_would_go_and_what_would_be_read_again_is_shown_and_asked(
    lake: Account, capsys: Any, name: str
) -> None:
    assert lake.slipway("files", "retract", name, *WHY) == 1
    told = capsys.readouterr()
    assert "'no' is not 'retract', so nothing was done" in told.err
    assert "wrong.csv (abababababab) has 2 rows and 1 refused record in the tables" in told.out
    beneath, gone, corrections = (
        told.out.index(title)
        for title in (
            "These may have given way to it, and are read from raw again:",
            "These, too, but they have left raw: what they said does not come back.",
            "These correct records of it. Their rows stay; retract them too:",
        )
    )
    assert beneath < told.out.index("older.csv") < gone < told.out.index("gone.csv") < corrections
    assert "other.csv" not in told.out
    assert lake.stepfunctions.started == []


def test_the_run_is_asked_for_with_who_and_why(lake: Account) -> None:
    assert lake.slipway("files", "retract", "wrong.csv", *WHY, "--yes", "--no-wait") == 0
    request = {
        "trigger": "operator", "dataset": DATASET, "mode": "retraction", "files": [WRONG],
        "by": getpass.getuser(), "reason": "wrong month",
    }  # fmt: skip
    assert lake.stepfunctions.started == [("dataset-run", request)]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("waiting", "slipway files set-aside abababababab --reason WHY"),
        ("set_aside", "none of its rows is in the tables"),
        ("registering", "it is registering"),
    ],
)
def test_a_file_that_is_in_no_table_is_not_retracted(
    account: Account, capsys: Any, status: str, told: str
) -> None:
    account.put_file(WRONG, status=status)
    assert account.slipway("files", "retract", WRONG, *WHY, "--yes") == 1
    assert told in capsys.readouterr().err
    assert account.slipway("files", "retract", "nothing.csv", *WHY, "--yes") == 1
    assert "no file has this name, key or hash" in capsys.readouterr().err
    assert account.stepfunctions.started == []


def test_who_retracted_a_file_and_why_stands_with_it(account: Account, capsys: Any) -> None:
    retraction = {"run_id": "r", "by": "ada", "reason": "wrong month", "at": "2026-02-02T00:00:00Z"}
    account.put_file(WRONG, status="retracted", retractions=[{**retraction, "before": {}}])
    assert account.slipway("files", "list", "--status", "retracted") == 0
    assert "retracted by ada: wrong month" in " ".join(capsys.readouterr().out.split())
    assert account.slipway("files", "show", WRONG) == 0
    history = capsys.readouterr().out.partition("history")[2]
    assert "2026-02-02T00:00:00Z retracted by ada wrong month" in " ".join(history.split())
