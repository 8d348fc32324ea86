"""Contracts to compare: the fixture `members` as it compiles, and ways to change one."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from contracts import model
from contracts.authoring import compile_all
from tests.unit.contracts.cases.base import copy_fixtures


@functools.cache
def members() -> model.Contract:
    """Version 2.3.0 of the fixture with personal data."""
    with tempfile.TemporaryDirectory() as folder:
        texts = compile_all(copy_fixtures(Path(folder) / "datasets"))
    return model.from_json(texts["members"], origin="members")


def with_column(name: str, **attributes: Any) -> model.Contract:
    """Members with other attributes of one column."""
    columns = tuple(
        replace(item, **attributes) if item.name == name else item for item in members().columns
    )
    return replace(members(), columns=columns)


def with_rule(identifier: str, **attributes: Any) -> model.Contract:
    """Members with other attributes of one row rule."""
    rules = tuple(
        replace(item, **attributes) if item.id == identifier else item for item in members().rules
    )
    return replace(members(), rules=rules)


def with_model(**attributes: Any) -> model.Contract:
    """Members with other attributes of its curated table."""
    (only,) = members().curated
    return replace(members(), curated=(replace(only, **attributes),))


def with_model_column(name: str, **attributes: Any) -> model.Contract:
    """Members with other attributes of one column of its curated table."""
    (only,) = members().curated
    return with_model(
        columns=tuple(
            replace(item, **attributes) if item.name == name else item for item in only.columns
        )
    )


def new_column(**attributes: Any) -> model.Column:
    """A column that members do not have."""
    return replace(
        members().column("first_visit"), name="nickname", source_name="nickname", **attributes
    )
