"""Names that are no delivery, and the far more that are."""

from __future__ import annotations

import pytest

from contracts.ignored_names import MARKER, TEMPORARY, why_ignored

CSV = (".csv", ".csv.gz")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "_SUCCESS",
            "c32.csv.done",
            "c32.ok",
            "c32.csv.md5",
            "c32.csv.SHA256",
            ".DS_Store",
            "._orders.csv",
        ),
        *(
            "Thumbs.db",
            "THUMBS.DB",
            "desktop.ini",
            "~$c32.xlsx",
            "~$orders.csv",
            ".~lock.orders.csv#",
            "orders.trg",
        ),
        *("_started_4711", "_committed_4711", "orders.csv.ready"),
    ],
)
def test_markers_of_other_software_are_no_delivery(name: str) -> None:
    assert why_ignored(name, CSV) == MARKER


@pytest.mark.parametrize(
    "name",
    [
        *(
            "orders.csv.part",
            "orders.csv.filepart",
            "orders.csv.TMP",
            "orders.csv.crdownload",
            "orders.csv.writing",
        ),
        *(
            "orders.csv._COPYING_",
            ".in.orders.csv",
            ".in.orders.csv.",
            ".orders.csv.Ab12Cd",
            "orders.csv.partial",
        ),
    ],
)
def test_names_that_clients_write_under_are_no_delivery(name: str) -> None:
    assert why_ignored(name, CSV) == TEMPORARY


@pytest.mark.parametrize(
    "name",
    [
        *(
            "orders.csv",
            "orders.csv.gz",
            "ORDERS.CSV",
            "_orders.csv",
            ".orders.csv",
            "...csv",
            "~orders.csv",
            "part.csv",
        ),
        *(
            "tmp.csv",
            "done.csv",
            "orders.xlsx",
            "orders.csv~",
            "orders",
            "my_success",
            "orders.md5.csv",
            "a.part.csv",
        ),
        *("_SUCCESS.csv", "orders.csv.zip", ".hidden123.csv", "in.orders.csv"),
    ],
)
def test_every_other_name_is_a_delivery_to_be_judged(name: str) -> None:
    assert why_ignored(name, CSV) is None


def test_a_suffix_that_a_contract_takes_is_a_delivery() -> None:
    assert why_ignored("orders.ok", (".ok",)) is None
    assert why_ignored("orders.ok") == MARKER
