"""Which files can be read together, and headers that intake should have refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from contracts import headers
from contracts.errors import FileRejected
from contracts.model import Contract, SchemaChange
from pipeline.run_documents import ManifestFile
from rows import layout
from rows.layout import Layout
from tests.spark.orders import HEADER, ORDERS

MOVED = "Note,Order ID,Order Date,Status,Quantity,Amount"
SHORT = HEADER.removesuffix(",Note")
CLASSIFIED = replace(
    ORDERS, columns=(*ORDERS.columns[:-1], replace(ORDERS.columns[-1], pii="drop"))
)


def file(header: str, *, replay_of: str | None = None) -> ManifestFile:
    return ManifestFile(
        sha256="ab12",
        raw_uri="s3://raw/orders.csv",
        file_name="orders.csv",
        received_at=datetime(2024, 5, 1),
        size_bytes=1,
        row_count=1,
        header=tuple(header.split(",")),
        has_quotes=False,
        replay_of=replay_of,
    )


def layout_of(
    contract: Contract, header: str, change: SchemaChange, *, replay_of: str | None = None
) -> Layout:
    (found,) = layout.by_layout(contract, [file(header, replay_of=replay_of)], change)
    return found


@pytest.mark.parametrize(
    ("header", "change", "detail"),
    [
        (MOVED, "reject", "order: the contract allows no other than"),
        (SHORT, "strict", "missing: 'note'"),
        (SHORT, "reject", "missing: 'note'"),
        (HEADER.removeprefix("Order ID,"), "evolve", "missing: 'order_id'"),
        (HEADER + ",_source_row", "evolve", "unknown: '_source_row'"),
        (HEADER + ",Colour", "evolve", "unknown: 'Colour'"),
        (HEADER + ",NOTE", "evolve", "repeated: 'NOTE', 'Note'"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_with_the_place_of_its_file(
    header: str, change: SchemaChange, detail: str
) -> None:
    with pytest.raises(FileRejected) as refused:
        layout_of(ORDERS, header, change)
    assert str(refused.value).startswith(f"header_mismatch: s3://raw/orders.csv: {detail}")


@pytest.mark.parametrize(
    ("header", "change"),
    [(HEADER, "reject"), (MOVED, "strict"), (MOVED, "evolve"), (SHORT, "evolve")],
)
def test_a_header_that_its_schema_change_allows_is_read(header: str, change: SchemaChange) -> None:
    assert len(layout_of(ORDERS, header, change).columns) == len(header.split(","))


def test_columns_that_a_header_lacks_are_named_as_files_name_them() -> None:
    assert headers.lacking(ORDERS, SHORT.split(",")) == ("note",)
    assert headers.lacking(ORDERS, MOVED.upper().split(",")) == ()


def test_a_column_with_personal_data_may_never_be_missing() -> None:
    with pytest.raises(FileRejected, match="missing: 'note'"):
        layout_of(CLASSIFIED, SHORT, "evolve")


def test_a_record_in_the_place_of_a_header_is_not_shown_when_it_may_be_a_person_s() -> None:
    with pytest.raises(FileRejected, match="unknown: 2 names, not shown") as refused:
        layout_of(CLASSIFIED, "7,anna@example.com", "evolve")
    assert "anna" not in str(refused.value)


def test_fields_of_ignored_headers_belong_to_no_column() -> None:
    found = layout_of(ORDERS, "row-id,NOTE,amount,Quantity,status,order_date,Order Id", "strict")
    assert found.columns == (None, "note", "amount", "quantity", "status", "order_date", "order_id")


def test_a_file_of_corrections_says_where_the_record_is_named_that_each_one_corrects() -> None:
    assert layout_of(ORDERS, HEADER, "evolve").origin_position is None
    found = layout_of(ORDERS, f"_reasons,_source_row,{HEADER}", "evolve", replay_of="cd34")
    assert (found.origin_position, found.columns[:3]) == (1, (None, None, "order_id"))
    with pytest.raises(FileRejected, match="missing: '_source_row'"):
        layout_of(ORDERS, HEADER, "evolve", replay_of="cd34")


def test_files_that_need_no_quotes_are_read_apart_from_those_that_do() -> None:
    plain = file(HEADER)
    groups = layout.by_layout(ORDERS, [plain, replace(plain, has_quotes=True), plain], "strict")
    assert [(shape.has_quotes, len(files)) for shape, files in groups.items()] == [
        (False, 2),
        (True, 1),
    ]
