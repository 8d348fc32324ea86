"""`slipway maintain` and `slipway erase`: a person's value never leaves this process, only its token does."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest

from contracts import model, personal_data
from slipway.grammar import build_parser
from tests.unit.slipway.conftest import DATASET, PROCESSED, Account

PERSON = "jane.doe@example.com"
TOKEN = personal_data.token(b"key", PERSON)


def mark_subject(monkeypatch: pytest.MonkeyPatch, kind: str = "string") -> None:
    """Let the column `_source_sha256` of the test's table stand for the person."""
    contract = model.load(DATASET)
    person = dataclasses.replace(
        contract.columns[0],
        name="_source_sha256",
        type=kind,
        pii="hash",
        data_subject=True,
        allowed=(),
    )
    marked = dataclasses.replace(contract, columns=(*contract.columns, person))
    monkeypatch.setattr(model, "load", lambda _name: marked)


@pytest.fixture
def people(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    mark_subject(monkeypatch)
    for day in ("2024-01-01", "2024-01-02"):
        account.database.execute(
            f"INSERT INTO {PROCESSED}.{DATASET} (order_date, _source_sha256, _contract_version)"
            " VALUES (?, ?, '1.0.0')",
            (day, TOKEN),
        )
    account.refuse("a" * 64, 1, {"a": "x"}, _subject=TOKEN)
    return account


def test_a_number_is_the_same_person_however_it_is_written_and_a_key_may_be_binary(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_subject(monkeypatch, "bigint")
    key = b"\xff\x00binary"
    arn = account.url("PiiKeySecretArn")
    account.deployment.client("secretsmanager").put_secret_value(SecretId=arn, SecretBinary=key)
    monkeypatch.setattr("sys.stdin", io.StringIO("+0042\n"))
    assert account.slipway("erase", "--subject-file", "-", "--yes", "--no-wait") == 0
    assert account.stepfunctions.started[0][1]["subject"] == personal_data.token(key, "42")


def test_maintenance_is_started_as_care_of_the_dataset(account: Account) -> None:
    assert account.slipway("maintain", "--dataset", DATASET, "--no-wait") == 0
    request = {"trigger": "operator", "dataset": DATASET, "mode": "maintenance"}
    assert account.stepfunctions.started == [("dataset-care", request)]


def test_only_the_token_of_the_subject_is_sent_and_shown(
    people: Account, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "person").write_text(f"\ufeff\u00a0{PERSON}\u200b \r\n\u3000\n", encoding="utf-8")
    assert (
        people.slipway("erase", "--subject-file", str(tmp_path / "person"), "--yes", "--no-wait")
        == 0
    )
    request = {"trigger": "operator", "dataset": DATASET, "mode": "erasure", "subject": TOKEN}
    assert people.stepfunctions.started == [("dataset-care", request)]
    shown = capsys.readouterr()
    assert TOKEN in shown.out
    days = model.load(DATASET).retention.raw_days
    assert shown.out.startswith(
        f"Not erased: original files. They stay in raw until {days:,} days after they came"
    )
    assert "2 rows of sales_records and 1 row in quarantine are theirs\n" in shown.out
    assert PERSON not in shown.out + shown.err


def test_versions_of_a_history_are_named_where_the_contract_keeps_one(
    people: Account, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    marked = dataclasses.replace(model.load(DATASET), history=True)
    monkeypatch.setattr(model, "load", lambda _name: marked)
    monkeypatch.setattr("sys.stdin", io.StringIO(PERSON + "\n"))
    assert people.slipway("erase", "--subject-file", "-", "--yes", "--no-wait") == 0
    told = f"every version in {DATASET}_history leaves with them"
    assert told in " ".join(capsys.readouterr().out.split())


def test_the_subject_may_come_from_standard_input(
    people: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PERSON + "\n"))
    assert people.slipway("erase", "--subject-file", "-", "--yes", "--no-wait") == 0
    assert people.stepfunctions.started[0][1]["subject"] == TOKEN


def test_an_erasure_without_consent_is_not_started(
    people: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "person").write_text(PERSON, encoding="utf-8")
    monkeypatch.setattr("builtins.input", lambda _prompt: "yes")
    assert people.slipway("erase", "--subject-file", str(tmp_path / "person")) == 1
    assert people.stepfunctions.started == []


@pytest.mark.parametrize("content", [b"", b" \n\t\n", b"one\ntwo\n", b"\xff\xfe\x00"])
def test_a_file_that_is_not_one_value_is_refused(
    people: Account, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "person").write_bytes(content)
    assert people.slipway("erase", "--subject-file", str(tmp_path / "person"), "--yes") == 1
    assert people.stepfunctions.started == []


def test_a_dataset_without_subjects_says_so(account: Account, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "person").write_text(PERSON, encoding="utf-8")
    assert account.slipway("erase", "--subject-file", str(tmp_path / "person"), "--yes") == 1
    assert "dataSubject: true" in capsys.readouterr().err


def test_no_option_takes_the_value_itself() -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["erase", "--subject-file", "f", PERSON])
