"""Whose rows a load replaced: by partner, with corrections as their original's, and in words."""

from __future__ import annotations

from typing import Any

from pipeline.run_documents import TableEffect
from pipeline.table_effects import Partners, added, in_words, kept, needs_a_look
from tests import run_samples

DATASET = "orders"
LANDED = {
    "a1": {"landing_key": "partners/acme/orders/1.csv"},
    "a2": {"landing_key": "partners/acme/orders/2.csv"},
    "b1": {"landing_key": "partners/beta/orders/1.csv"},
    "again": {"landing_key": "partners/acme/orders/3.csv", "content_sha256": "a2"},
    "fix": {"landing_key": "partners/slipway-replay/orders/fix.csv", "replay_of": "a1"},
}


class Files:
    """A file ledger that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get(self, dataset: str, entry: str) -> dict[str, Any] | None:
        assert dataset == DATASET
        self.asked.append(entry)
        return LANDED.get(entry.removeprefix("file#"))


def effect(**changes: Any) -> TableEffect:
    replaced = [
        {"sha256": sha256, "rows_replaced": rows, "rows_unchanged": 0}
        for sha256, rows in changes.pop("of", {}).items()
    ]
    data = run_samples.effect(**changes, replaced_files=replaced)
    return TableEffect.from_json(data)


def partners() -> Partners:
    return Partners(files=Files(), dataset=DATASET)  # type: ignore[arg-type]


def test_replaced_rows_are_counted_by_partner_and_apart_where_the_partner_is_another() -> None:
    found = kept(
        effect(rows_new=3, rows_replaced=9, of={"b1": 4, "a1": 2, "gone": 3}), "a2", partners()
    )
    assert found == {
        "new": 3,
        "replaced": 9,
        "of": {"beta": 4, "acme": 2, "unknown": 3},
        "of_others": 7,
    }
    assert needs_a_look(found)
    assert in_words(found) == "3 new, 9 replaced (beta 4, unknown 3, acme 2)"


def test_a_correction_counts_as_of_the_partner_whose_file_it_corrects() -> None:
    by_correction = kept(effect(rows_replaced=1, of={"a2": 1}), "fix", partners())
    of_correction = kept(effect(rows_replaced=1, of={"fix": 1}), "a2", partners())
    assert by_correction == of_correction == {"replaced": 1, "of": {"acme": 1}}
    assert not needs_a_look(by_correction)


def test_rows_that_a_content_turns_back_when_it_comes_again_are_counted_and_need_a_look() -> None:
    found = kept(effect(rows_new=1, rows_replaced=2, of={"a1": 2}), "again", partners())
    assert found == {"new": 1, "replaced": 2, "of": {"acme": 2}, "turned_back": 2}
    assert needs_a_look(found)
    assert in_words(found) == (
        "1 new, 2 replaced (acme 2; 2 back to the values of an earlier delivery)"
    )
    assert added([found, found])["turned_back"] == 4


def test_a_load_that_replaces_nothing_asks_the_ledger_nothing() -> None:
    known = partners()
    assert kept(effect(rows_new=2, rows_repeated_different=1), "a1", known) == {
        "new": 2,
        "repeated_different": 1,
    }
    assert known.files.asked == []  # type: ignore[attr-defined]
    for _ in range(2):
        assert known.of("b1") == "beta"
    assert known.files.asked == ["file#b1"]  # type: ignore[attr-defined]


def test_the_effects_of_a_run_are_the_sum_over_its_files() -> None:
    one = {"new": 1, "replaced": 2, "of": {"acme": 2}, "of_others": 2}
    two = {"new": 4, "kept": 1, "replaced": 1, "of": {"acme": 1}}
    assert added([one, two, {}]) == {
        "new": 5, "replaced": 3, "kept": 1, "of_others": 2, "of": {"acme": 3}
    }  # fmt: skip
    assert added([]) == {}
    assert in_words({}) == ""
    assert not needs_a_look({"new": 5, "repeated_equal": 3, "outdated": 1})
    assert needs_a_look({"repeated_different": 1})
