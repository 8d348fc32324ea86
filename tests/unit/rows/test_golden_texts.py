"""The SQL text of the pass, for each engine, changes only when somebody decides so."""

from __future__ import annotations

from tests.unit.rows import golden_texts


def test_the_text_for_each_engine_is_the_one_that_was_agreed() -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in golden_texts.FOLDER.iterdir()}
    assert golden_texts.texts() == kept, f"if the change is meant: {golden_texts.COMMAND}"
