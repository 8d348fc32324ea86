"""`slipway quarantine`: what is open, every reason, the original records out and corrected ones in."""

import csv
import dataclasses
import gzip
from pathlib import Path
from typing import Any

import pytest

from contracts import model
from slipway.acting import export
from slipway.commands import quarantine
from tests.unit.slipway.conftest import DATASET, HEADER, PROCESSED, QUARANTINE, RUN, Account

SHA = "abcdef" + "0" * 58
OTHER = "bbcdef" + "0" * 58
ROW = "Asia,{country},Snacks,Online,H,7/5/2010,{order},7/26/2010,1,2.00,1.00,2.00,1.00,1.00"
LINES = [
    ROW.format(country="Japan", order=1),
    'Asia,"Korea, Republic of",short',
    ROW.format(country="", order=3),
]
CONTENT = ("\ufeff" + "\r\n".join([HEADER, LINES[0], "", *LINES[1:]]) + "\r\n").encode()


def cells(capsys: Any) -> list[list[str]]:
    with_text = [line for line in capsys.readouterr().out.splitlines() if "orders.csv" in line]
    return [line.split() for line in with_text]


def test_open_records_are_listed_and_resolved_ones_only_on_request(
    account: Account, capsys: Any
) -> None:
    account.refuse(SHA, 2, {"row.field_count": "row: 3 fields"})
    account.refuse(SHA, 3, {"country.required": "country: is empty"}, resolved_by="f" * 64)
    assert account.slipway("quarantine", "list") == 0
    assert [line[1:4] for line in cells(capsys)] == [["abcdef000000", "2", "row.field_count"]]
    assert account.slipway("quarantine", "list", "--all") == 0
    shown = cells(capsys)
    assert [line[2] for line in shown] == ["2", "3"]
    assert shown[1][-1] == "f" * 12


def test_dismissed_records_are_not_open_any_more_and_say_by_whom_and_why(
    account: Account, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "eve")
    account.put_file(SHA)
    for row in (2, 3, 4, 9):
        account.refuse(SHA, row, {"row.field_count": "row: a total"})
    account.refuse(SHA, 5, {"country.required": "country: is empty"})
    dismiss = ("quarantine", "dismiss", "--rule", "row.field_count", "--reason", "totals", "--yes")
    assert account.slipway(*dismiss) == 0
    assert "4 records dismissed: totals" in capsys.readouterr().out
    assert account.slipway("quarantine", "list") == 0
    assert [line[2] for line in cells(capsys)] == ["5"]
    assert account.slipway("quarantine", "list", "--all") == 0
    assert [(line[2], line[-1]) for line in cells(capsys) if line[-1] == "dismissed"] == [
        (row, "dismissed") for row in ("2", "3", "4", "9")
    ]
    assert account.slipway("quarantine", "show", SHA, "9") == 0
    assert "dismissed by eve at 2" in capsys.readouterr().out
    assert account.slipway("files", "show", SHA) == 0
    assert "records 2-4, 9 dismissed by eve" in capsys.readouterr().out


def test_one_record_of_a_file_is_dismissed_and_the_others_stay_open(
    account: Account, capsys: Any
) -> None:
    account.put_file(SHA)
    for row in (2, 3):
        account.refuse(SHA, row, {"a": "x"})
    one = ("quarantine", "dismiss", "--file", SHA, "--record", "2", "--reason", "a total", "--yes")
    assert account.slipway(*one) == 0
    capsys.readouterr()
    account.slipway("quarantine", "list")
    assert [line[2] for line in cells(capsys)] == ["3"]
    assert account.slipway(*one) == 1
    assert "no open record fits" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "why"),
    [([], "say which records"), (["--rule", "a", "--record", "1"], "--record needs --file")],
)
def test_records_to_be_dismissed_must_be_named(
    account: Account, capsys: Any, options: list[str], why: str
) -> None:
    assert account.slipway("quarantine", "dismiss", *options, "--reason", "x", "--yes") == 1
    assert why in capsys.readouterr().err


def test_a_listed_record_shows_what_nobody_sees(account: Account, capsys: Any) -> None:
    account.refuse(SHA, 2, {"country.type": "country: ..."}, raw_text="On\u200bline,a\nb")
    assert account.slipway("quarantine", "list") == 0
    assert cells(capsys)[0][-1] == "On\\u200bline,a\\u000ab"


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (["--rule", "a.b"], ["1", "4"]),
        (["--rule", "processed.x"], ["2"]),  # no zone of the lake is meant by a rule's name
        (["--run", "run-2"], ["3"]),
        (["--file", SHA[:8]], ["1", "2", "3"]),
        (["--file", OTHER[:8], "--rule", "a.b"], ["4"]),
        (["--rule", "no' or 'a' = 'a"], []),
    ],
)
def test_records_are_selected_by_rule_run_and_file(
    account: Account, capsys: Any, options: list[str], rows: list[str]
) -> None:
    account.put_run("run-2")
    account.put_file(SHA)
    account.put_file(OTHER)
    account.refuse(SHA, 1, {"a.b": "x", "c": "y"})
    account.refuse(SHA, 2, {"processed.x": "x"})
    account.refuse(SHA, 3, {"c": "x"}, _run_id="run-2")
    account.refuse(OTHER, 4, {"a.b": "x"})
    assert account.slipway("quarantine", "list", *options) == 0
    assert [line[2] for line in cells(capsys)] == rows


def test_the_number_of_records_is_told_when_not_all_are_shown(
    account: Account, capsys: Any
) -> None:
    for row in range(1, 4):
        account.refuse(SHA, row, {"a": "x"})
    account.slipway("quarantine", "list", "--limit", "2")
    assert "3 rows of sales_records in quarantine, the newest 2" in capsys.readouterr().out


def test_a_run_that_was_refused_is_told_to_have_published_nothing(
    account: Account, capsys: Any
) -> None:
    account.put_run(status="failed")
    assert account.slipway("quarantine", "list", "--run", RUN) == 0
    assert (
        f"from processed.sales_records_quality where run_id = '{RUN}'\"" in capsys.readouterr().out
    )
    account.put_run(status="succeeded")
    account.slipway("quarantine", "list", "--run", RUN)
    assert "quality" not in capsys.readouterr().out


def test_a_long_line_is_cut_in_the_list_and_whole_when_shown(account: Account, capsys: Any) -> None:
    account.put_file(SHA)
    account.refuse(SHA, 1, {"a": "x"}, raw_text="long " * 30 + "end")
    account.slipway("quarantine", "list")
    assert " end" not in capsys.readouterr().out
    account.slipway("quarantine", "show", SHA, "1")
    assert "long " * 30 + "end" in capsys.readouterr().out


def test_one_record_is_shown_with_every_reason_and_its_text(account: Account, capsys: Any) -> None:
    account.put_file(SHA)
    account.refuse(
        SHA, 7, {"a.type": "a: '[x]' is no number", "b.required": "b: is empty"}, raw_text="[x],,1"
    )
    assert account.slipway("quarantine", "show", SHA[:6], "7") == 0
    shown = capsys.readouterr().out
    assert "a.type      a: '[x]' is no number" in shown
    assert "b.required  b: is empty" in shown
    assert "[x],,1" in shown
    assert account.slipway("quarantine", "show", SHA[:6], "8") == 1
    assert "record 8 of orders.csv" in capsys.readouterr().err


@pytest.mark.parametrize("gzipped", [False, True])
def test_an_export_holds_the_original_records_under_their_numbers(
    account: Account, tmp_path: Path, gzipped: bool
) -> None:
    raw = {"raw_key": f"{DATASET}/x/orders.csv.gz"} if gzipped else {}
    account.put_file(SHA, gzip.compress(CONTENT) if gzipped else CONTENT, **raw)
    account.refuse(SHA, 2, {"row.field_count": "row: 3 fields"})
    account.refuse(SHA, 3, {"country.required": "country: is empty", "z": "z: 'a, b'"})
    account.refuse(SHA, 1, {"a": "x"}, resolved_by="f" * 64)
    assert account.slipway("quarantine", "export", "--output", str(tmp_path / "out")) == 0
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == "orders.origin-abcdef0000000000.csv"
    assert path.stat().st_mode & 0o777 == 0o600
    header, *rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    assert header == ["_source_row", "_reasons", *HEADER.split(",")]
    assert rows[0] == ["2", "row: 3 fields", "Asia", "Korea, Republic of", "short"]
    assert rows[1][:4] == ["3", "country: is empty; z: 'a, b'", "Asia", ""]
    assert len(rows) == 2


def test_a_correction_that_was_refused_is_exported_under_its_own_numbers(
    account: Account, tmp_path: Path
) -> None:
    content = f"_source_row,_reasons,{HEADER}\n7,old,{LINES[0]}\n9,old,Asia\n"
    account.put_file(SHA, content.encode())
    account.refuse(SHA, 2, {"row.field_count": "row: 1 field"})
    assert account.slipway("quarantine", "export", "--output", str(tmp_path)) == 0
    (path,) = tmp_path.iterdir()
    header, row = csv.reader(path.read_text(encoding="utf-8").splitlines())
    assert header == ["_source_row", "_reasons", *HEADER.split(",")]
    assert row == ["2", "row: 1 field", "Asia"]


def test_an_export_without_open_records_writes_nothing(account: Account, tmp_path: Path) -> None:
    assert account.slipway("quarantine", "export", "--output", str(tmp_path / "out")) == 0
    assert not (tmp_path / "out").exists()


def test_an_export_of_a_file_that_left_raw_is_refused(
    account: Account, tmp_path: Path, capsys: Any
) -> None:
    account.put_file(SHA)
    account.refuse(SHA, 1, {"a": "x"})
    assert account.slipway("quarantine", "export", "--output", str(tmp_path)) == 1
    assert "no longer at s3://raw/" in capsys.readouterr().err


def test_an_export_that_lacks_a_record_is_no_export(
    account: Account, tmp_path: Path, capsys: Any
) -> None:
    account.put_file(SHA, CONTENT)
    account.refuse(SHA, 9, {"a": "x"})
    assert account.slipway("quarantine", "export", "--output", str(tmp_path)) == 1
    assert "has no record 9" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_originals_of_protected_columns_are_warned_of(capsys: Any) -> None:
    contract = model.load(DATASET)
    quarantine._warn_of_personal_data(contract)
    assert capsys.readouterr().err == ""
    column = contract.columns[1].__class__(**{**vars(contract.columns[1]), "pii": "hash"})
    quarantine._warn_of_personal_data(
        contract.__class__(**{**vars(contract), "columns": (column,)})
    )
    assert "personal data of sales_records in clear (country)" in capsys.readouterr().err


def exported(account: Account, folder: Path) -> Path:
    account.put_file(SHA, CONTENT)
    account.refuse(SHA, 2, {"a": "x"})
    assert account.slipway("quarantine", "export", "--output", str(folder)) == 0
    return next(folder.iterdir())


def landed(account: Account) -> dict[str, dict[str, str]]:
    s3 = account.deployment.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="landing").get("Contents", [])]
    return {key: s3.head_object(Bucket="landing", Key=key)["Metadata"] for key in keys}


def test_a_corrected_file_is_put_where_replays_land_and_names_its_origin(
    account: Account, tmp_path: Path
) -> None:
    path = exported(account, tmp_path)
    assert account.slipway("quarantine", "replay", str(path), "--no-wait") == 0
    assert landed(account) == {
        f"partners/slipway-replay/sales_records/{path.name}": {"replay-of": SHA}
    }
    renamed = path.rename(tmp_path / "renamed.csv")
    assert (
        account.slipway("quarantine", "replay", str(renamed), "--origin", SHA[:10], "--no-wait")
        == 0
    )
    assert landed(account)["partners/slipway-replay/sales_records/renamed.csv"] == {
        "replay-of": SHA
    }


@pytest.mark.parametrize(
    ("order", "received_at", "asked"),
    [(3, "2026-01-02", True), (3, "2025-12-31", False), (4, "2026-01-02", False)],
)
def test_a_correction_that_would_replace_a_newer_delivery_is_asked_about(
    account: Account,
    tmp_path: Path,
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
    order: int,
    received_at: str,
    asked: bool,
) -> None:
    account.put_file(SHA, CONTENT)  # received on 2026-01-01
    account.refuse(SHA, 3, {"a": "x"})
    account.slipway("quarantine", "export", "--output", str(tmp_path))
    account.database.execute(
        f"INSERT INTO {PROCESSED}.{DATASET} (order_id, _received_at, _source_file)"
        f" VALUES ({order}, TIMESTAMP '{received_at}', 'newer.csv')"
    )
    monkeypatch.setattr("builtins.input", lambda _prompt: "no")
    replay = ("quarantine", "replay", str(next(tmp_path.iterdir())), "--no-wait")
    assert account.slipway(*replay) == int(asked)
    assert bool(landed(account)) is not asked
    assert ("newer.csv" in capsys.readouterr().out) is asked
    assert account.slipway(*replay, "--yes") == 0
    assert landed(account)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("renamed.csv", "_source_row,a\n1,b\n", "give --origin SHA"),
        ("x.origin-abcdef0000000000.csv", "a,b\n1,2\n", "no column '_source_row'"),
        ("x.origin-abcdef0000000000.csv", "_source_row,b\nabc,2\n", "record 1 has 'abc'"),
        (
            "x.origin-abcdef0000000000.csv",
            "_source_row,b\n4,2\n",
            "orders.csv has 3 records, so none is 4",
        ),
        ("x.origin-abcdef0000000000.csv", "_source_row,b\n0,2\n", "so none is 0"),
        ("x.origin-abcdef0000000000.csv", "_source_row,b\n", "has no record"),
        ("x.origin-abcdef0000000000.txt", "_source_row,b\n1,2\n", "must end with one of: .csv"),
        ("x.origin-ffffffffffffffff.csv", "_source_row,b\n1,2\n", "no accepted file"),
    ],
)
def test_what_is_no_correction_is_not_sent(
    account: Account, tmp_path: Path, capsys: Any, name: str, content: str, told: str
) -> None:
    account.put_file(SHA, CONTENT)
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert account.slipway("quarantine", "replay", str(path), "--no-wait") == 1
    assert told in capsys.readouterr().err
    assert landed(account) == {}


def test_a_replay_waits_for_the_fate_of_its_file_and_tells_what_is_still_open(
    account: Account, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = exported(account, tmp_path)
    send = quarantine.replay.send

    def taken(deployment: Any, corrected: Any) -> None:
        send(deployment, corrected)
        account.put_file(
            OTHER,
            landing_key=corrected.landing_key,
            replay_of=SHA,
            rows_loaded=1,
            file_name=path.name,
        )

    monkeypatch.setattr(quarantine.replay, "send", taken)
    assert account.slipway("quarantine", "replay", str(path)) == 0
    shown = capsys.readouterr().out
    assert "replay of abcdef000000" in shown
    assert "orders.csv: 1 record still open" in shown


@pytest.mark.parametrize("options", [["--all"], ["--file", OTHER[:8], "--file", SHA[:8]]])
def test_refused_records_are_judged_anew_by_a_run_of_mode_replay(
    account: Account, options: list[str]
) -> None:
    account.put_file(SHA)
    account.put_file(OTHER)
    account.refuse(SHA, 1, {"a": "x"})
    account.refuse(SHA, 2, {"a": "x"})
    account.refuse(OTHER, 1, {"a": "x"})
    account.refuse("c" * 64, 1, {"a": "x"}, resolved_by="f" * 64)
    assert account.slipway("quarantine", "replay", "--no-wait", *options) == 0
    (machine, request), *others = account.stepfunctions.started
    assert (machine, others, request["mode"]) == ("dataset-run", [], "replay")
    assert sorted(request["files"]) == [SHA, OTHER]


def test_a_file_names_its_dataset_where_there_are_several(
    account: Account, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "datasets", lambda: (DATASET, DATASET + "_too"))
    load = model.load
    monkeypatch.setattr(
        model, "load", lambda name: dataclasses.replace(load(DATASET), dataset=name)
    )
    account.put_file(SHA)
    assert account.slipway("quarantine", "replay", "--all") == 1
    assert (
        "name the dataset with --dataset; there are: sales_records, sales_records_too"
        in capsys.readouterr().err
    )
    assert account.slipway("quarantine", "replay", "--file", SHA[:8], "--no-wait") == 0
    assert account.stepfunctions.started[0][1]["dataset"] == DATASET


def test_a_dataset_that_was_never_loaded_has_nothing_refused(
    account: Account, tmp_path: Path, capsys: Any
) -> None:
    account.database.execute(f"DROP TABLE {PROCESSED}.{DATASET}_quarantine")
    assert account.slipway("quarantine", "list") == 0
    assert "0 rows of sales_records in quarantine" in capsys.readouterr().out
    assert account.slipway("quarantine", "export", "--output", str(tmp_path)) == 0
    assert account.slipway("quarantine", "list", "--rule", "x") == 0


def test_nothing_open_needs_no_run(account: Account) -> None:
    assert account.slipway("quarantine", "replay", "--all") == 0
    assert account.stepfunctions.started == []


@pytest.mark.parametrize("options", [[], ["x.csv", "--all"]])
def test_a_replay_is_either_of_files_or_anew(
    account: Account, capsys: Any, options: list[str]
) -> None:
    assert account.slipway("quarantine", "replay", *options) == 1
    assert "name corrected files, or" in capsys.readouterr().err


def test_names_of_exports_are_short_and_safe() -> None:
    item = {"file_name": "../Ümsatz 1 " + "x" * 300 + ".csv.gz", "sha256": SHA}
    name = export.file_name(item, model.load(DATASET))
    assert len(name) < 150
    assert "/" not in name
    assert RUN not in name


@pytest.fixture
def keyed(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """The quarantine keeps keys.

    Record 1 is as old as the table's row, 2 is older, 3 has no key, and 4 one that a rule refused.
    """
    monkeypatch.setitem(QUARANTINE, "order_id", "BIGINT")
    account.put_file(SHA)
    table = f"{PROCESSED}.{DATASET}_quarantine"
    account.database.execute(f"ALTER TABLE {table} ADD COLUMN order_id BIGINT")
    for row, order_id in enumerate((1, 2, None, 2), start=1):
        rule = "order_id.minimum" if row == 4 else "country.required"
        account.refuse(SHA, row, {rule: "is empty"}, order_id=order_id)
    for order_id, day in ((1, "2026-01-01"), (2, "2026-01-02")):
        account.database.execute(
            f"INSERT INTO {PROCESSED}.{DATASET} (order_id, _received_at) VALUES ({order_id}, TIMESTAMP '{day}')"
        )
    return account


def test_a_record_whose_key_a_newer_delivery_brought_is_closed_and_counted(
    keyed: Account, capsys: Any
) -> None:
    assert keyed.slipway("quarantine", "list") == 0
    told = capsys.readouterr().out
    assert "3 rows of sales_records in quarantine" in told
    assert "1 more record has been replaced by a newer delivery with the same key" in told
    assert keyed.slipway("quarantine", "list", "--all") == 0
    told = capsys.readouterr().out
    assert "4 rows" in told
    assert told.count("a newer") == 1
    for record, state in ((1, "no, it is open"), (2, "the table has a newer row with its key")):
        assert keyed.slipway("quarantine", "show", SHA[:12], str(record)) == 0
        assert state in capsys.readouterr().out


def test_a_replaced_record_is_open_again_once_the_newer_row_is_gone(
    keyed: Account, capsys: Any
) -> None:
    keyed.database.execute(f"DELETE FROM {PROCESSED}.{DATASET}")
    assert keyed.slipway("quarantine", "list") == 0
    told = capsys.readouterr().out
    assert "4 rows of sales_records in quarantine" in told
    assert "replaced" not in told
