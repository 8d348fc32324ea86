"""What a dashboard shows, without a word on how it is drawn.

Measures and dimensions are named once and used by name, as in QuickSight and in every semantic layer: two visuals then
cannot compute revenue in two ways. Only measures that can be added up again after grouping are allowed (sum, minimum,
maximum, ratios of them), because both renderers filter grouped rows; a distinct count could not be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

Aggregation = Literal["sum", "min", "max"]
Format = Literal["money", "decimal", "integer", "percent"]
Part = Literal["year", "quarter", "month", "month_of_year"]
Better = Literal["higher", "lower"]
Against = Literal["year_before", "period_before"]


@dataclass(frozen=True, kw_only=True)
class Triage:
    """Which figures are good and which are poor; what lies between is to be watched.

    With `better` higher, a figure is good from `good` on and poor below `poor`; with lower, good up to `good` and poor
    above `poor`. Both are decimals as text, in the unit that is shown: 12.5 of a percent measure is 12.5 %.
    """

    better: Better
    good: str
    poor: str


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A figure: one column aggregated, or the ratio of two such measures.

    Either `column` with `aggregation`, or `numerator` with `denominator` (names of measures), is set. `money` and
    `decimal` are shown with two decimals, `percent` is a ratio times 100 with one.
    """

    name: str
    label: str
    format: Format
    aggregation: Aggregation | None
    column: str | None
    numerator: str | None
    denominator: str | None
    triage: Triage | None

    @property
    def is_ratio(self) -> bool:
        """Whether it is computed from two other measures."""
        return self.numerator is not None


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """What figures are grouped or filtered by. `columns` gives its column per curated table that has it.

    With a `part` the column is a date of which only that part counts (the month with its year, or the month of any
    year).
    """

    name: str
    label: str
    columns: Mapping[str, str]
    part: Part | None


@dataclass(frozen=True, kw_only=True)
class Sort:
    """Order of bars and table rows: by a measure or a dimension of the visual."""

    by: str
    descending: bool


@dataclass(frozen=True, kw_only=True)
class Kpis:
    """The figures on top. `period` is the dimension whose complete periods are compared.

    `against` year_before: all of the newest year with those a year before; period_before: the newest with the one
    before it.
    """

    source: str
    measures: tuple[str, ...]
    period: str
    against: Against


@dataclass(frozen=True, kw_only=True)
class Line:
    """Measures over time. With `series`, one line per value of that dimension, the newest `limit` of them."""

    kind: Literal["line"] = "line"
    id: str
    title: str
    source: str
    x: str
    measures: tuple[str, ...]
    series: str | None
    limit: int | None


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar per value of `category`, as long as the first of `measures`; the others are said beside it."""

    kind: Literal["bar"] = "bar"
    id: str
    title: str
    source: str
    category: str
    measures: tuple[str, ...]
    sort: Sort
    limit: int | None


@dataclass(frozen=True, kw_only=True)
class Table:
    """One row per combination of `dimensions`, at most `limit` of them, and a total of all, shown or not."""

    kind: Literal["table"] = "table"
    id: str
    title: str
    source: str
    dimensions: tuple[str, ...]
    measures: tuple[str, ...]
    sort: Sort
    limit: int | None


Visual = Line | Bar | Table


@dataclass(frozen=True, kw_only=True)
class Section:
    """Visuals under one heading."""

    title: str
    visuals: tuple[Visual, ...]


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """The dashboard of one dataset, or of the mart of that name.

    `filters` are dimensions; one applies to every visual whose table has it.
    """

    dataset: str
    title: str
    description: str
    measures: tuple[Measure, ...]
    dimensions: tuple[Dimension, ...]
    filters: tuple[str, ...]
    kpis: Kpis
    sections: tuple[Section, ...]

    def measure(self, name: str) -> Measure:
        """The measure called `name`; KeyError if there is none."""
        return {measure.name: measure for measure in self.measures}[name]

    def dimension(self, name: str) -> Dimension:
        """The dimension called `name`; KeyError if there is none."""
        return {dimension.name: dimension for dimension in self.dimensions}[name]

    @property
    def visuals(self) -> tuple[Visual, ...]:
        """All visuals, in order of the sections."""
        return tuple(visual for section in self.sections for visual in section.visuals)

    @property
    def sources(self) -> tuple[str, ...]:
        """The curated tables that are shown, each once, in order of first use."""
        return tuple(dict.fromkeys([self.kpis.source, *(visual.source for visual in self.visuals)]))

    def columns_measured(self, source: str) -> tuple[Measure, ...]:
        """The measures over columns that the visuals of `source` need, ratios taken apart, in order of definition."""
        used = {name for names in self._measures_used(source) for name in names}
        ratios = [self.measure(name) for name in used if self.measure(name).is_ratio]
        used |= {
            part
            for ratio in ratios
            for part in (ratio.numerator, ratio.denominator)
            if part is not None
        }
        return tuple(
            measure for measure in self.measures if measure.name in used and not measure.is_ratio
        )

    def columns_grouped(self, source: str) -> tuple[str, ...]:
        """The columns of `source` by which its visuals and filters group, each once, in order of definition."""
        used = {*self.filters, *self._dimensions_used(source)}
        found = [
            dimension
            for dimension in self.dimensions
            if dimension.name in used and source in dimension.columns
        ]
        return tuple(dict.fromkeys(dimension.columns[source] for dimension in found))

    def _measures_used(self, source: str) -> list[tuple[str, ...]]:
        users: list[Kpis | Visual] = [self.kpis, *self.visuals]
        return [user.measures for user in users if user.source == source]

    def _dimensions_used(self, source: str) -> set[str]:
        kpis = {self.kpis.period} if self.kpis.source == source else set()
        shown = [visual for visual in self.visuals if visual.source == source]
        return kpis.union(*(dimensions_of(visual) for visual in shown))


def dimensions_of(visual: Visual) -> tuple[str, ...]:
    """Names of the dimensions that a visual groups by."""
    match visual:
        case Line():
            return (visual.x, visual.series) if visual.series else (visual.x,)
        case Bar():
            return (visual.category,)
        case Table():
            return visual.dimensions
        case _:
            assert_never(visual)
