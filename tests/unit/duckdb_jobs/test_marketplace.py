"""The six contracts of examples/marketplace, each put to its published file (cut to 120 orders) by the DuckDB engine.

What is expected is counted here with csv and Decimal, and knows nothing of contracts or engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts import model
from contracts.authoring import check, compile_all
from sample_data import marketplace
from sample_data.marketplace import Row
from tests.spark.duckdb_lake import FIRST_RUN, DuckDbLake
from tests.spark.lake import counts

ROOT = Path(__file__).resolve().parents[3]
DATASETS = ROOT / "examples" / "marketplace" / "datasets"
FILES = ROOT / "examples" / "marketplace" / "files"
# An order in which every reference finds its table.
NAMES = ("users", "products", "orders", "order_items", "payments", "returns")
SECOND = "20240501T110000-00000002"
PUBLISHED = marketplace.read(FILES)
MONEY = {"orders": "total_amount", "order_items": "total_price", "payments": "amount"}


def is_before(later: str, earlier: str) -> Callable[[Row], bool]:
    """Times are written in an order that is also that of their text."""
    return lambda row: row[later] < row[earlier]


BROKEN: dict[str, dict[str, Callable[[Row], bool]]] = {
    "users": {"changed_after_created": is_before("updated_at", "created_at")},
    "products": {
        "changed_after_created": is_before("updated_at", "created_at"),
        "shown_if_on_sale": lambda row: (row["is_active"] == "1") != (row["status"] == "ACTIVE"),
        "reviewed_if_rated": lambda row: (
            row["total_reviews"] == "0" and row["average_rating"] != ""
        ),
    },
    "orders": {
        "dispatched_after_ordered": is_before("dispatch_date", "order_date"),
        "only_what_is_on_its_way_was_dispatched": lambda row: (
            row["status"] in ("PENDING", "CONFIRMED", "CANCELLED") and row["dispatch_date"] != ""
        ),
    },
    "order_items": {
        "a_total_is_quantity_times_price": lambda row: (
            Decimal(row["quantity"]) * Decimal(row["unit_price"]) != Decimal(row["total_price"])
        )
    },
    "payments": {},
    "returns": {
        "approved_after_requested": is_before("approved_at", "request_at"),
        "refunded_after_approved": is_before("refunded_at", "approved_at"),
        "only_what_was_approved_is_refunded": lambda row: (
            row["status"] != "APPROVED" and row["refunded_at"] != ""
        ),
    },
}
REFERENCES = {
    ("orders", "ordered_by_a_user"): ("user_id", "users"),
    ("order_items", "the_order_is_known"): ("order_id", "orders"),
    ("order_items", "the_product_is_known"): ("product_id", "products"),
    ("payments", "the_order_is_known"): ("order_id", "orders"),
    ("returns", "returned_by_a_user"): ("user_id", "users"),
    ("returns", "the_product_is_known"): ("product_id", "products"),
}


@pytest.fixture(scope="module")
def contracts() -> dict[str, model.Contract]:
    """The contracts as they compile."""
    assert check(DATASETS) == []
    return {
        name: model.from_json(text, origin=name) for name, text in compile_all(DATASETS).items()
    }


class Marketplace:
    """A lake of six datasets in one folder."""

    def __init__(self, folder: Path, contracts: dict[str, model.Contract]) -> None:
        self.lakes = {
            name: DuckDbLake(
                spark=None,  # type: ignore[arg-type]
                folder=folder,
                environment="test",
                contract=contract,
                pii_key=b"k" * 32 if contract.protected_columns else None,
            )
            for name, contract in contracts.items()
        }

    def load(
        self, name: str, content: bytes | None = None, run_id: str = FIRST_RUN
    ) -> dict[str, Any]:
        """Load the published file, or one like it, and publish."""
        lake = self.lakes[name]
        given = content if content is not None else (FILES / f"{name}.csv").read_bytes()
        return lake.run(lake.put(given, f"{name}.csv"), run_id=run_id)


@pytest.fixture(scope="module")
def loaded(
    tmp_path_factory: pytest.TempPathFactory, contracts: dict[str, model.Contract]
) -> Iterator[tuple[Marketplace, dict[str, dict[str, Any]]]]:
    """All six files loaded, and the result of each run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # a client is made, and never used
        marketplace = Marketplace(tmp_path_factory.mktemp("marketplace"), contracts)
        yield marketplace, {name: marketplace.load(name) for name in NAMES}


Loaded = tuple[Marketplace, dict[str, dict[str, Any]]]


def found(result: dict[str, Any], rule: str) -> dict[str, Any]:
    """How a table rule ended."""
    (of_rule,) = (each for each in result["table_rules"] if each["rule_id"] == rule)
    return dict(of_rule)


def test_there_is_a_contract_for_each_file_and_no_other(contracts: dict[str, Any]) -> None:
    assert set(contracts) == set(NAMES) == {file.stem for file in FILES.glob("*.csv")}


@pytest.mark.parametrize("name", NAMES)
def test_every_row_and_cent_of_a_published_file_is_loaded(name: str, loaded: Loaded) -> None:
    marketplace, results = loaded
    rows = len(PUBLISHED[name])
    assert counts(results[name]) == [(rows, rows, 0, 0)]
    lake = marketplace.lakes[name]
    assert len(lake.rows(lake.processed, "id")) == rows
    if money := MONEY.get(name):
        assert sum(amount for (amount,) in lake.rows(lake.processed, money)) == sum(
            Decimal(row[money]) for row in PUBLISHED[name]
        )


@pytest.mark.parametrize("name", NAMES)
def test_each_wrinkle_of_a_published_file_is_a_finding_of_its_rule(
    name: str, loaded: Loaded
) -> None:
    result = loaded[1][name]
    expected = {rule: sum(map(broken, PUBLISHED[name])) for rule, broken in BROKEN[name].items()}
    assert all(expected.values()), "the sample has every wrinkle"
    assert result["warnings_by_rule"] == expected
    assert result["quarantine_by_rule"] == {}
    assert {rule["rule_id"] for rule in result["row_rules"]} >= expected.keys()


@pytest.mark.parametrize(("name", "rule"), REFERENCES)
def test_a_reference_names_the_rows_whose_other_side_is_missing(
    name: str, rule: str, loaded: Loaded
) -> None:
    column, other = REFERENCES[name, rule]
    known = {row["id"] for row in PUBLISHED[other]}
    unknown = sum(row[column] not in known for row in PUBLISHED[name])
    result = found(loaded[1][name], rule)
    assert result["status"] == ("failed" if unknown else "passed")
    assert result["measured"].startswith(f"{unknown} of {len(PUBLISHED[name])} rows")


def test_a_file_that_comes_before_those_it_refers_to_is_loaded_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contracts: dict[str, model.Contract]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    marketplace, lines = Marketplace(tmp_path, contracts), len(PUBLISHED["payments"])
    result = marketplace.load("payments")
    assert counts(result) == [(lines, lines, 0, 0)]
    assert found(result, "the_order_is_known")["status"] == "unproven"
    marketplace.load("orders")
    text = (FILES / "payments.csv").read_text().splitlines()
    later = marketplace.load("payments", f"{text[0]}\n{text[1]}\n".encode(), run_id=SECOND)
    assert found(later, "the_order_is_known")["measured"].startswith(f"0 of {lines} rows")


def test_a_person_is_one_token_in_all_tables_and_nothing_else_of_them_is_kept(
    loaded: Loaded, contracts: dict[str, model.Contract]
) -> None:
    marketplace, _ = loaded
    tokens = {
        name: {
            token
            for (token,) in marketplace.lakes[name].rows(marketplace.lakes[name].processed, column)
        }
        for name, column in (("users", "id"), ("orders", "user_id"), ("returns", "user_id"))
    }
    assert tokens["orders"] <= tokens["users"]
    assert tokens["returns"] <= tokens["users"]
    assert len(tokens["users"]) == len(PUBLISHED["users"])
    stored = {column.name for column in contracts["users"].stored_columns}
    assert not stored & {"email", "phone_number", "gender", "password", "provider_id"}
    users = marketplace.lakes["users"]
    assert set(users.rows(users.processed, "full_name")) == {("U***",)}


def test_a_value_outside_the_contract_is_quarantined_and_never_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contracts: dict[str, model.Contract]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    text = (FILES / "payments.csv").read_text()
    result = Marketplace(tmp_path, contracts).load(
        "payments", text.replace("Credit Card", "Cheque", 1).encode()
    )
    rows = len(PUBLISHED["payments"])
    assert result["quarantine_by_rule"] == {"payment_method.allowed": 1}
    assert counts(result) == [(rows, rows - 1, 1, 0)]
