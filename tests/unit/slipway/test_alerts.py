"""`slipway alerts`: what went out to people is shown newest first, with what did not, and from where it is read."""

import json
from datetime import UTC, datetime
from typing import Any

from slipway.reading import announced
from tests.unit.slipway.conftest import Account

DIGEST = {
    "subject": "WARNING [dev] sales_records: 2 files rejected",
    "message": "2 files were rejected.",
}


def announce(account: Account, day: int, *, status: str = "SUCCEEDED", **content: str) -> str:
    arn = f"arn:announce:{day}"
    account.stepfunctions.known[arn] = {
        "status": status,
        "startDate": datetime(2026, 1, day, tzinfo=UTC),
        "input": json.dumps(content),
    }
    return arn


def test_messages_are_shown_newest_first_up_to_the_limit(account: Account, capsys: Any) -> None:
    for day in (1, 3, 2):
        announce(account, day, topic="failed", subject=f"ERROR day {day}", message=f"text {day}")
    assert account.slipway("alerts", "--limit", "2") == 0
    shown = capsys.readouterr().out
    assert "2 messages" in shown
    assert shown.index("ERROR day 3") < shown.index("ERROR day 2")
    assert "ERROR day 1" not in shown
    assert "2026-01-03 00:00:00" in shown
    assert "Read from the executions of announce, which are kept for 90 days" in shown


def test_a_message_that_was_not_sent_is_told_as_such(account: Account) -> None:
    for day, status in ((1, "FAILED"), (2, "RUNNING"), (3, "TIMED_OUT")):
        announce(account, day, status=status, topic="succeeded", subject="s", message="m")
    assert [each.fate for each in announced.newest(account.deployment, 9)] == [
        "timed_out",
        "being sent",
        "not sent",
    ]


def test_a_message_about_rejected_files_is_what_was_composed(account: Account, capsys: Any) -> None:
    arn = announce(account, 1, topic="rejected", subject="files rejected")
    assert [each.subject for each in announced.newest(account.deployment, 1)] == ["files rejected"]
    exited = {
        "name": "ComposeDigest",
        "output": json.dumps({"topic": "rejected", "digest": DIGEST}),
    }
    account.stepfunctions.events[arn] = [
        {"type": "TaskStateExited", "stateExitedEventDetails": exited}
    ]
    assert account.slipway("alerts", "--full") == 0
    assert f"{DIGEST['subject']}\n\n{DIGEST['message']}\n" in capsys.readouterr().out
