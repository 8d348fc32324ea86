"""`slipway files`: the history of a content is whole, and only what waits can be set aside."""

import json
import re
from typing import Any

import pytest

from pipeline.ledger import FileLedger
from slipway.reading import ledgers
from tests.unit.slipway.conftest import DATASET, RUN, Account

SHA = "abcdef" + "0" * 58
OTHER = "abcdff" + "0" * 58
LATER = "20260103T000000-0000000c"


def status_of(account: Account, sha256: str) -> str:
    item = FileLedger(account.deployment.file_ledger).get(DATASET, f"file#{sha256}")
    assert item is not None
    return str(item["status"])


def test_files_are_listed_by_status_with_those_nobody_accepted(
    account: Account, capsys: Any
) -> None:
    account.put_file(SHA, file_name="loaded.csv")
    account.put_file(OTHER, file_name="later.csv", status="waiting")
    account.put_file(
        OTHER, dataset="unknown", entry="rejected#x#1", file_name="picture.png", status="rejected"
    )
    assert account.slipway("files") == 0
    assert "3 files" in capsys.readouterr().out
    assert account.slipway("files", "list", "--status", "rejected") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("1 file ")
    assert "picture.png" in shown


SET_ASIDE = {
    "status": "incomplete",
    "landing_bucket": "landing",
    "sequencer": "01",
    "size_bytes": 10,
    "detail": "for 15 minutes nothing told whether its upload is complete",
}


def put_aside(account: Account, key: str, **changes: Any) -> None:
    name = key.rpartition("/")[2]
    fields = SET_ASIDE | {"landing_key": key, "file_name": name, "version_id": "v1"} | changes
    account.put_file(SHA, entry=f"incomplete#{key}#{fields['sequencer']}", **fields)


def accepted(account: Account) -> list[Any]:
    sqs = account.deployment.client("sqs")
    queue = account.url("IntakeQueueUrl")
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in found]


def test_an_object_that_was_set_aside_as_incomplete_is_accepted_by_a_message_to_intake(
    account: Account, capsys: Any
) -> None:
    key = "partners/acme/sales_records/orders.csv"
    put_aside(account, key, received_at="2026-01-01T00:00:00.000000Z")
    put_aside(
        account, key, received_at="2026-01-02T00:00:00.000000Z", sequencer="02", version_id="v2"
    )
    for name, version in (("orders.csv", []), (key, ["--version", "v1"])):
        assert account.slipway("files", "accept", name, *version) == 0
        assert f"{key} (10 bytes) is taken as it is" in capsys.readouterr().out
    first, second = accepted(account)
    assert {first["detail"]["version_id"], second["detail"]["version_id"]} == {"v1", "v2"}
    assert (first["detail-type"], first["detail"]["key"]) == ("Arrival Accepted", key)


def test_what_cannot_be_accepted_is_told_with_the_way_to_see_all(
    account: Account, capsys: Any
) -> None:
    assert account.slipway("files", "accept", "orders.csv") == 1
    assert "`slipway files list --status incomplete` shows all" in capsys.readouterr().err
    for partner in ("acme", "globex"):
        put_aside(account, f"partners/{partner}/sales_records/orders.csv")
    assert account.slipway("files", "accept", "orders.csv") == 1
    assert (
        "is the name of 2 files; give one of their keys: partners/acme" in capsys.readouterr().err
    )


def test_doctor_tells_of_files_that_are_not_known_to_be_complete(
    account: Account, capsys: Any
) -> None:
    put_aside(account, "partners/acme/sales_records/orders.csv")
    account.slipway("doctor")
    told = capsys.readouterr().out
    assert (
        "orders.csv of sales_records is set aside: its upload is not known to be complete" in told
    )
    assert (
        "slipway files accept partners/acme/sales_records/orders.csv; else have it sent again"
        in told
    )


def test_names_that_intake_ignored_are_listed_apart(account: Account, capsys: Any) -> None:
    account.put_file(SHA, file_name="loaded.csv")
    account.put_file(OTHER, entry="ignored#x", file_name="_SUCCESS", status="ignored")
    assert account.slipway("files") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("1 file ")
    assert (
        "1 name ignored as no delivery; `slipway files list --status ignored` shows them" in shown
    )
    assert account.slipway("files", "list", "--status", "ignored") == 0
    assert "_SUCCESS" in capsys.readouterr().out


def test_the_history_of_a_content_tells_deliveries_runs_and_replays_in_order(
    account: Account, capsys: Any
) -> None:
    account.put_file(SHA, row_count=10, rows_loaded=9, rows_quarantined=1, rows_deduplicated=0)
    account.put_file(
        SHA,
        entry=f"duplicate#{SHA}#1",
        status="duplicate",
        landing_key="partners/acme/sales_records/again.csv",
        received_at="2026-01-03T00:00:00.000000Z",
    )
    account.put_file(
        OTHER,
        replay_of=SHA,
        received_at="2026-01-04T00:00:00.000000Z",
        row_count=1,
        rows_loaded=1,
        rows_quarantined=0,
    )
    account.put_run(
        file_hashes=[SHA], started_at="2026-01-02T00:00:00.000000Z", status="failed", error="Boom"
    )
    account.put_run("20260102T000000-0000000b", file_hashes=[OTHER])
    assert account.slipway("files", "show", SHA[:6]) == 0
    history = capsys.readouterr().out.partition("history")[2].splitlines()
    assert [re.split(r"  +", line.strip())[1:] for line in history[2:6]] == [
        ["delivered", "partners/acme/sales_records/abcd.csv"],
        [f"load {RUN}", "failed: Boom"],
        ["delivered again, not loaded twice", "partners/acme/sales_records/again.csv"],
        ["replayed by abcdff000000", "loaded: 1 read, 1 loaded, 0 quarantined"],
    ]
    account.slipway("files", "show", OTHER)
    assert "replays abcdef000000" in capsys.readouterr().out


def test_the_history_tells_what_each_run_made_of_the_file_and_which_was_rolled_back(
    account: Account, capsys: Any
) -> None:
    first = {"run_id": RUN, "rows_loaded": 9, "rows_quarantined": 1, "rows_deduplicated": 0}
    second = {"run_id": LATER, "rows_loaded": 8, "rows_quarantined": 2, "rows_deduplicated": 0}
    account.put_file(SHA, loads=[first, {**second, "rolled_back_by": "care"}], **first)
    account.put_run(file_hashes=[SHA], started_at="2026-01-02T00:00:00.000000Z")
    undone = {"status": "rolled_back", "rolled_back_by": "care"}
    account.put_run(
        LATER,
        file_hashes=[SHA],
        mode="backfill",
        started_at="2026-01-03T00:00:00.000000Z",
        **undone,
    )
    assert account.slipway("files", "show", SHA) == 0
    fields, _, history = capsys.readouterr().out.partition("history")
    assert "loads" not in [line.split()[0] for line in fields.splitlines() if line.strip()]
    assert [re.split(r"  +", line.strip())[1:] for line in history.splitlines()[3:5]] == [
        [f"load {RUN}", "succeeded: 9 loaded, 1 quarantined, 0 deduplicated"],
        [f"backfill {LATER}", "rolled_back by care: 8 loaded, 2 quarantined, 0 deduplicated"],
    ]
    assert "not kept" not in history


@pytest.mark.parametrize(
    ("file", "is_doubtful"),
    [
        ({"loads": [{"run_id": RUN, "rolled_back_by": "care"}]}, True),
        ({"loads": [{"run_id": "other"}, {"run_id": RUN, "rolled_back_by": "care"}]}, False),
        ({"loads": [{"run_id": RUN, "rolled_back_by": "care"}], "status": "set_aside"}, False),
        ({}, True),  # rolled back before loads were kept
        ({"run_id": "other"}, False),
    ],
)
def test_counts_of_a_run_that_was_rolled_back_are_called_so(
    account: Account, capsys: Any, file: dict[str, Any], is_doubtful: bool
) -> None:
    account.put_file(SHA, **file)
    account.put_run(file_hashes=[SHA], status="rolled_back", rolled_back_by="care", mode="backfill")
    assert account.slipway("files", "show", SHA) == 0
    told = f"The counts are those of run {RUN}, which was rolled back: what the load before it made of the file was not"
    assert (told in capsys.readouterr().out.replace("\n", " ")) is is_doubtful


@pytest.mark.parametrize(
    ("status", "rows"), [("loaded", 9), ("claimed", 9), ("set_aside", None), ("waiting", None)]
)
def test_counts_are_shown_of_files_in_the_tables_alone(
    account: Account, status: str, rows: int | None
) -> None:
    counts = {"rows_loaded": 9, "rows_quarantined": 9, "rows_deduplicated": 9}
    account.put_file(SHA, status=status, **counts)
    (fate,) = ledgers.files(account.deployment, DATASET)
    assert (fate.rows_loaded, fate.rows_quarantined, fate.rows_deduplicated, fate.row_count) == (
        rows,
        rows,
        rows,
        3,
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [("abcd", "too short"), ("abcdef9999", "no accepted file"), ("abcdfe", "no accepted file")],
)
def test_a_hash_that_names_no_file_is_refused(
    account: Account, capsys: Any, name: str, told: str
) -> None:
    account.put_file(SHA)
    assert account.slipway("files", "show", name) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("name", ["orders.csv", "partners/acme/sales_records/orders.csv"])
@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("rejected", "slipway files judge-again partners/acme/sales_records/orders.csv"),
        ("incomplete", "slipway files accept partners/acme/sales_records/orders.csv"),
    ],
)
def test_what_became_no_file_is_shown_by_its_name_or_key_with_the_next_command(
    account: Account, capsys: Any, name: str, status: str, told: str
) -> None:
    key = "partners/acme/sales_records/orders.csv"
    fields = {"landing_key": key, "entry": f"{status}#{key}#01", "status": status}
    account.put_file(SHA, reason="header_mismatch", detail="missing: 'Region'", **fields)
    assert account.slipway("files", "show", name) == 0
    shown = capsys.readouterr().out
    assert "missing: 'Region'" in shown
    assert told in shown


def test_a_file_that_was_set_aside_is_shown_by_its_name_the_newest_delivery_of_a_key(
    account: Account, capsys: Any
) -> None:
    key = "partners/acme/sales_records/orders.csv"
    rejected = {"entry": f"rejected#{key}#01", "status": "rejected", "landing_key": key}
    account.put_file(OTHER, **rejected, received_at="2025-01-01T00:00:00.000000Z")
    account.put_file(SHA, status="set_aside", set_aside_reason="bad rows", landing_key=key)
    assert account.slipway("files", "show", "orders.csv") == 0
    assert "bad rows" in capsys.readouterr().out.partition("history")[2]
    account.put_file("ef" * 32, landing_key="partners/globex/sales_records/orders.csv")
    assert account.slipway("files", "show", "orders.csv") == 1
    assert "is the name of 2 files; give one of their keys" in capsys.readouterr().err


def test_a_hash_that_names_two_files_is_refused_with_both(account: Account, capsys: Any) -> None:
    account.put_file("abcdef1" + "0" * 57, file_name="one.csv")
    account.put_file("abcdef2" + "0" * 57, file_name="two.csv")
    assert account.slipway("files", "show", "abcdef") == 1
    message = capsys.readouterr().err
    assert "one.csv" in message
    assert "two.csv" in message


def test_a_waiting_file_is_set_aside_with_its_reason_and_released(
    account: Account, capsys: Any
) -> None:
    account.put_file(SHA, status="waiting")
    assert account.slipway("files", "set-aside", SHA, "--reason", "partner asked") == 0
    assert status_of(account, SHA) == "set_aside"
    account.slipway("files", "list")
    assert "partner asked" in capsys.readouterr().out
    assert account.slipway("files", "release", SHA) == 0
    assert status_of(account, SHA) == "waiting"


def test_the_first_refused_values_of_a_file_that_was_set_aside_are_shown(
    account: Account, capsys: Any
) -> None:
    sample = {"rule_id": "units.type", "record": 3, "reason": "units: 'x' is not a number"}
    account.put_file(SHA, status="set_aside", refused_samples=[sample])
    assert account.slipway("files", "show", SHA[:12]) == 0
    told = capsys.readouterr().out
    assert "units: 'x' is not a number" in told
    assert "refused_samples" not in told


def test_a_loaded_file_is_not_set_aside_but_the_rollback_is_named(
    account: Account, capsys: Any
) -> None:
    account.put_file(SHA)
    assert account.slipway("files", "set-aside", SHA, "--reason", "wrong") == 1
    assert f"slipway runs rollback {RUN}" in capsys.readouterr().err
    assert status_of(account, SHA) == "loaded"


@pytest.mark.parametrize(
    ("file", "named"),
    [
        (
            {
                "run_id": "3",
                "loads": [{"run_id": "1", "rolled_back_by": "c"}, {"run_id": "2"}, {"run_id": "3"}],
            },
            "2",
        ),
        ({"run_id": RUN, "loads": [{"run_id": "1", "rolled_back_by": "care"}]}, RUN),
    ],
)
def test_the_rollback_named_is_that_of_the_first_load_that_stands(
    account: Account, capsys: Any, file: dict[str, Any], named: str
) -> None:
    account.put_file(SHA, **file)
    assert account.slipway("files", "set-aside", SHA, "--reason", "wrong") == 1
    assert f"slipway runs rollback {named}`" in capsys.readouterr().err


def test_a_loaded_file_of_which_no_run_is_known_is_not_set_aside_either(
    account: Account, capsys: Any
) -> None:
    account.put_file(SHA)
    account.deployment.file_ledger.update_item(
        Key={"dataset": DATASET, "entry": f"file#{SHA}"}, UpdateExpression="REMOVE run_id"
    )
    assert account.slipway("files", "set-aside", SHA, "--reason", "wrong") == 1
    assert "slipway runs rollback RUN_ID" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("action", "status"), [(["set-aside", "--reason", "x"], "claimed"), (["release"], "waiting")]
)
def test_a_file_in_another_state_stays_as_it_is(
    account: Account, capsys: Any, action: list[str], status: str
) -> None:
    account.put_file(SHA, status=status)
    assert account.slipway("files", *action, SHA) == 1
    assert f"orders.csv is {status}" in capsys.readouterr().err
    assert status_of(account, SHA) == status
