"""People may be told of files that were taken: one message for those that come close together, none twice."""

from __future__ import annotations

from typing import Any

import pytest

from contracts import model
from lambdas.compose_digest import handler
from tests.unit.lambdas.conftest import Crash
from tests.unit.lambdas.taking import FOLDER, Sales, intake

SECONDS = 600


def test_nobody_is_told_unless_it_is_asked_for(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    record = account.upload(f"{FOLDER}/a.csv", sales())
    assert intake(account, contract).handle_batch([record]) == []
    assert account.messages() == []


def test_files_that_come_together_are_one_message(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    records = [
        account.upload(
            f"partners/{partner}/sales_records/{name}.csv", sales(first_order=10 * number)
        )
        for number, (partner, name) in enumerate(
            (("acme", "a"), ("globex", "b"), ("acme", "c")), start=1
        )
    ]
    service = intake(account, contract, arrived_seconds=SECONDS)
    assert service.handle_batch(records) == []
    [told] = account.messages()
    assert told["topic"] == "arrived"
    assert told["subject"] == "INFO [dev] sales_records: 3 files arrived (2 of acme, 1 of globex)"
    assert told["attributes"]["kind"] == "arrival"
    assert told["attributes"]["severity"] == "info"
    for name in ("acme/sales_records/a.csv", "globex/sales_records/b.csv", "slipway files list"):
        assert name in told["message"]


def test_one_file_is_told_by_its_name(account: Any, contract: model.Contract, sales: Sales) -> None:
    record = account.upload(f"{FOLDER}/a.csv", sales())
    intake(account, contract, arrived_seconds=SECONDS).handle_batch([record])
    [told] = account.messages()
    assert told["subject"] == "INFO [dev] sales_records: 1 file arrived: a.csv (1 of acme)"


def test_an_event_that_comes_again_and_a_content_that_came_before_tell_nothing(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    body = sales()
    service = intake(account, contract, arrived_seconds=SECONDS)
    record = account.upload(f"{FOLDER}/a.csv", body, sequencer="01")
    for records in ([record], [record], [account.upload(f"{FOLDER}/b.csv", body, sequencer="02")]):
        assert service.handle_batch(records) == []
    [told] = account.messages()
    assert "1 file arrived: a.csv" in told["subject"]


def test_a_file_that_is_rejected_has_not_arrived(account: Any, contract: model.Contract) -> None:
    record = account.upload(f"{FOLDER}/a.csv", b"caf\xe9\n")
    intake(account, contract, arrived_seconds=SECONDS).handle_batch([record])
    assert [told["topic"] for told in account.messages()] == ["rejected"]


def test_a_crash_at_any_write_loses_no_file_and_tells_of_none_twice(
    account: Any, contract: model.Contract, sales: Sales
) -> None:
    for after in range(1, 20):
        account.clear()
        service = intake(account, contract, arrived_seconds=SECONDS)
        record = account.upload(f"{FOLDER}/a{after}.csv", sales(first_order=10 * after))
        account.fuse.writes = after
        try:
            failed = service.handle_batch([record])
        except Crash:
            failed = [record["messageId"]]
        account.fuse.writes = None
        if failed:
            assert intake(account, contract, arrived_seconds=SECONDS).handle_batch([record]) == []
        told = [each for each in account.messages() if each["topic"] == "arrived"]
        assert sum(f"a{after}.csv" in each["message"] for each in told) == 1
        if not failed:
            return
    pytest.fail("the function has more writes than were tried")


def test_an_execution_that_began_before_an_update_is_of_rejected_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    class Service:
        def compose(self, *arguments: str) -> Any:
            asked.append(arguments)
            raise LookupError

    monkeypatch.setattr(handler, "_service", Service)
    with pytest.raises(LookupError):
        handler.handle({"dataset": "d", "burst": "b"}, None)
    assert asked == [("rejected", "d", "b")]
