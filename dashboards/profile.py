"""The shape of `dashboard.yaml` as strict models: unknown fields and converted types are mistakes.

Parts that are lists or mappings of items are parsed item by item, so that a mistake in one hides none in another.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from contracts.authoring.profile import Number, Strict, Text
from dashboards.model import Against, Aggregation, Better, Format, Part

Names = Annotated[list[Text], Field(min_length=1)]
Limit = Annotated[int, Field(ge=1, le=1000)]


class TriageSpec(Strict):
    """`triage` of a measure."""

    better: Better
    good: Number
    poor: Number


class MeasureSpec(Strict):
    """An entry of `measures`."""

    label: Text
    format: Format
    aggregation: Aggregation | None = None
    column: Text | None = None
    numerator: Text | None = None
    denominator: Text | None = None
    triage: TriageSpec | None = None


class DimensionSpec(Strict):
    """An entry of `dimensions`."""

    label: Text
    columns: Annotated[dict[str, Text], Field(min_length=1)]
    part: Part | None = None


class SortSpec(Strict):
    """`sort` of a bar or a table."""

    by: Text
    descending: bool = False


class KpisSpec(Strict):
    """`kpis`."""

    source: Text
    measures: Names
    period: Text
    against: Against = "year_before"


class LineSpec(Strict):
    """A visual of kind line."""

    kind: Literal["line"]
    id: Text
    title: Text
    source: Text
    x: Text
    measures: Names
    series: Text | None = None
    limit: Limit | None = None


class BarSpec(Strict):
    """A visual of kind bar."""

    kind: Literal["bar"]
    id: Text
    title: Text
    source: Text
    category: Text
    measures: Names
    sort: SortSpec
    limit: Limit | None = None


class TableSpec(Strict):
    """A visual of kind table."""

    kind: Literal["table"]
    id: Text
    title: Text
    source: Text
    dimensions: Names
    measures: Names
    sort: SortSpec
    limit: Limit | None = None


VisualSpec = LineSpec | BarSpec | TableSpec
VISUALS: dict[str, type[LineSpec] | type[BarSpec] | type[TableSpec]] = {
    "line": LineSpec,
    "bar": BarSpec,
    "table": TableSpec,
}


class SectionSpec(Strict):
    """An entry of `sections`; its visuals are parsed one by one."""

    title: Text
    visuals: Annotated[list[Any], Field(min_length=1)]


class DashboardSpec(Strict):
    """The whole file."""

    title: Text
    description: Text
    measures: Annotated[dict[str, Any], Field(min_length=1)]
    dimensions: Annotated[dict[str, Any], Field(min_length=1)]
    kpis: Any
    sections: Annotated[list[Any], Field(min_length=1)]
    filters: list[Text] = Field(default_factory=list)
