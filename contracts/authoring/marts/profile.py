"""The shape of `marts/<name>/mart.yaml` as strict models: unknown fields and converted types are mistakes.

Entries of lists are parsed one by one, so that a mistake in one hides none in another.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from contracts.authoring.profile import Strict, Text, WarehouseProperty
from contracts.model import Period


class ColumnSpec(Strict):
    """An entry of `columns`."""

    name: Text
    type: Text
    description: Text
    required: bool = False
    max_length: Annotated[int, Field(ge=1)] | None = None


class ConservedSpec(Strict):
    """An entry of `conserves`."""

    column: Text
    dataset: Text
    source: Text


class RuleSpec(Strict):
    """An entry of `rules`."""

    id: Text
    description: Text
    expression: Text


class MartSpec(Strict):
    """The whole file."""

    version: Text
    description: Text
    owner: Text
    inputs: Annotated[dict[str, Any], Field(min_length=1)]
    columns: Annotated[list[Any], Field(min_length=1)]
    grain: Annotated[list[Text], Field(min_length=1)]
    period: Period
    period_column: Text
    conserves: Annotated[list[Any], Field(min_length=1)]
    rules: list[Any] = Field(default_factory=list)
    table_format: Text = "iceberg"
    warehouse: WarehouseProperty | None = None
    schedule: Text | None = None
    after_inputs: bool = True
