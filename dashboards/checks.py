"""What must hold in a dashboard beyond its shape: every name is known, every column is there and of the right kind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import assert_never

from contracts.authoring.problems import Path, did_you_mean
from contracts.model import CuratedModel
from dashboards import profile
from dashboards.parsed import ParsedDashboard, ParsedVisual

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
WHOLE = ("int", "bigint")
# From the coarsest: a table that keeps one row per quarter cannot show months.
COARSENESS = {"year": 0, "quarter": 1, "month": 2, "month_of_year": 2}


def check_meaning(parsed: ParsedDashboard, tables: Sequence[CuratedModel]) -> None:
    """Record every mistake of meaning in the document of `parsed`."""
    checks = _Checks(parsed, {model.name: model for model in tables})
    checks.measures()
    checks.dimensions()
    checks.filters()
    checks.kpis()
    checks.visuals()


class _Checks:
    def __init__(self, parsed: ParsedDashboard, tables: dict[str, CuratedModel]) -> None:
        self.parsed = parsed
        self.tables = tables
        self.columns = {column.name for model in tables.values() for column in model.columns}
        self.told: set[tuple[str | None, str, str]] = set()
        self.problem = parsed.document.problem

    def measures(self) -> None:
        for name, spec in self.parsed.measures.items():
            self._identifier(("measures", name), name)
            of_column = (spec.column, spec.aggregation)
            of_ratio = (spec.numerator, spec.denominator)
            if (None in of_column) == (None in of_ratio) or any(of_column) == any(of_ratio):
                message = "give either column and aggregation, or numerator and denominator"
                self.problem(("measures", name), message)
            elif spec.column and spec.column not in self.columns:
                hint = did_you_mean(spec.column, self.columns)
                self.problem(
                    ("measures", name, "column"),
                    f"no curated table has a column {spec.column!r}; {hint}",
                )
            elif spec.column and spec.format == "percent":
                self.problem(
                    ("measures", name, "format"),
                    "found 'percent'; only a ratio of two measures is one",
                )
            elif spec.numerator and spec.format == "integer":
                message = "found 'integer'; a ratio is 'percent', 'decimal' or 'money'"
                self.problem(("measures", name, "format"), message)
            if spec.triage:
                self._triage(("measures", name, "triage"), spec.triage)
            for field, part in zip(("numerator", "denominator"), of_ratio, strict=True):
                if part is not None:
                    self._ratio_part(("measures", name, field), part)

    def _triage(self, path: Path, spec: profile.TriageSpec) -> None:
        least, most = (spec.poor, spec.good) if spec.better == "higher" else (spec.good, spec.poor)
        if least > most:
            self.problem(
                path,
                f"good is {spec.good} and poor {spec.poor}, but {spec.better} is better; exchange them, or write the"
                " other `better`",
            )

    def dimensions(self) -> None:
        for name, spec in self.parsed.dimensions.items():
            self._identifier(("dimensions", name), name)
            for table, column in spec.columns.items():
                path: Path = ("dimensions", name, "columns", table)
                found = self._table(path, table)
                if found:
                    self._dimension_column(path, found, column, spec.part)

    def filters(self) -> None:
        for index, name in enumerate(self.parsed.filters):
            self._dimension(("filters", index), name, None)
            if name in self.parsed.filters[:index]:
                self.problem(("filters", index), f"{name!r} is listed twice; remove one")

    def kpis(self) -> None:
        kpis = self.parsed.kpis
        if kpis is None or not self._table(("kpis", "source"), kpis.source):
            return
        self._measures(("kpis", "measures"), kpis.measures, kpis.source)
        period = self._dimension(("kpis", "period"), kpis.period, kpis.source)
        if period and period.part not in ("month", "quarter"):
            message = f"found {kpis.period!r}; expected a dimension with part month or quarter"
            self.problem(("kpis", "period"), message)

    def visuals(self) -> None:
        ids = Counter(visual.spec.id for visual in self.parsed.visuals)
        for visual in self.parsed.visuals:
            self._identifier((*visual.path, "id"), visual.spec.id)
            if ids[visual.spec.id] > 1:
                self.problem(
                    (*visual.path, "id"),
                    f"{visual.spec.id!r} is used {ids[visual.spec.id]} times; rename it",
                )
            if self._table((*visual.path, "source"), visual.spec.source):
                self._measures((*visual.path, "measures"), visual.spec.measures, visual.spec.source)
                self._visual_dimensions(visual)
            self._sort(visual)

    def _visual_dimensions(self, visual: ParsedVisual) -> None:
        spec, path = visual.spec, visual.path
        match spec:
            case profile.LineSpec():
                self._line(visual, spec)
            case profile.BarSpec():
                self._dimension((*path, "category"), spec.category, spec.source)
            case profile.TableSpec():
                for index, name in enumerate(spec.dimensions):
                    self._dimension((*path, "dimensions", index), name, spec.source)
            case _:
                assert_never(spec)

    def _line(self, visual: ParsedVisual, spec: profile.LineSpec) -> None:
        x = self._dimension((*visual.path, "x"), spec.x, spec.source)
        if x and x.part is None:
            message = f"found {spec.x!r}; expected a dimension with a part: a line runs over time"
            self.problem((*visual.path, "x"), message)
        if spec.series is None:
            if spec.limit is not None:
                self.problem(
                    (*visual.path, "limit"), "only series are limited; add series or remove it"
                )
            return
        self._dimension((*visual.path, "series"), spec.series, spec.source)
        if len(spec.measures) > 1:
            message = f"found {len(spec.measures)} measures; a line chart with series shows one"
            self.problem((*visual.path, "measures"), message)

    def _sort(self, visual: ParsedVisual) -> None:
        spec = visual.spec
        match spec:
            case profile.LineSpec():
                return  # in the order of time
            case profile.BarSpec():
                groups = [spec.category]
            case profile.TableSpec():
                groups = spec.dimensions
            case _:
                assert_never(spec)
        by = spec.sort.by
        if by not in {*spec.measures, *groups}:
            hint = did_you_mean(by, [*spec.measures, *groups])
            self.problem(
                (*visual.path, "sort", "by"), f"{by!r} is not shown by this visual; {hint}"
            )

    def _measures(self, path: Path, names: list[str], source: str) -> None:
        for index, name in enumerate(names):
            if name not in self.parsed.measure_names:
                hint = did_you_mean(name, self.parsed.measure_names)
                self.problem((*path, index), f"unknown measure {name!r}; {hint}")
            elif name in names[:index]:
                self.problem((*path, index), f"{name!r} is listed twice; remove one")
            else:
                for part in self._columns_of(name):
                    self._measure_column((*path, index), part, source)

    def _columns_of(self, name: str) -> list[profile.MeasureSpec]:
        """The measures over columns that `name` consists of, as far as they have the right shape."""
        spec = self.parsed.measures.get(name)
        names = [spec.numerator, spec.denominator] if spec and spec.numerator else [name]
        found = [self.parsed.measures[part] for part in names if part in self.parsed.measures]
        return [part for part in found if part.column in self.columns]

    def _measure_column(self, path: Path, spec: profile.MeasureSpec, source: str) -> None:
        """Tell what is wrong with a measure in a table, where it is first used: once, however often it is used."""
        if (spec.column, spec.format, source) in self.told:
            return
        self.told.add((spec.column, spec.format, source))
        types = {column.name: column.type for column in self.tables[source].columns}
        if spec.column not in types:
            hint = did_you_mean(str(spec.column), types)
            self.problem(path, f"table {source!r} has no column {spec.column!r}; {hint}")
        elif spec.format == "integer" and types[spec.column] not in WHOLE:
            self.problem(
                path,
                f"{source}.{spec.column} is {types[spec.column]}; format integer needs int or bigint",
            )
        elif spec.format != "integer" and not types[spec.column].startswith("decimal"):
            self.problem(
                path,
                f"{source}.{spec.column} is {types[spec.column]}; format {spec.format} needs a decimal",
            )

    def _dimension(self, path: Path, name: str, source: str | None) -> profile.DimensionSpec | None:
        if name not in self.parsed.dimension_names:
            self.problem(
                path,
                f"unknown dimension {name!r}; {did_you_mean(name, self.parsed.dimension_names)}",
            )
            return None
        spec = self.parsed.dimensions.get(name)
        if spec and source and source not in spec.columns:
            self.problem(
                path, f"dimension {name!r} has no column in table {source!r}; add it to its columns"
            )
        return spec

    def _dimension_column(
        self, path: Path, table: CuratedModel, column: str, part: str | None
    ) -> None:
        types = {item.name: item.type for item in table.columns}
        if column not in types:
            self.problem(
                path,
                f"table {table.name!r} has no column {column!r}; {did_you_mean(column, types)}",
            )
        elif (types[column] == "date") != (part is not None):
            expected = "a date needs a part" if part is None else "only a date has parts"
            self.problem(
                path, f"{table.name}.{column} is {types[column]}, part is {part!r}; {expected}"
            )
        elif part is None and types[column] not in ("string", *WHOLE):
            self.problem(
                path, f"{table.name}.{column} is {types[column]}; group by text or whole numbers"
            )
        elif part and column == table.period_column and COARSENESS[part] > COARSENESS[table.period]:
            message = (
                f"{table.name} keeps one row per {table.period}, so its {column} has no {part}"
            )
            self.problem(path, message)

    def _table(self, path: Path, name: str) -> CuratedModel | None:
        if name not in self.tables:
            self.problem(path, f"unknown curated table {name!r}; {did_you_mean(name, self.tables)}")
        return self.tables.get(name)

    def _ratio_part(self, path: Path, name: str) -> None:
        spec = self.parsed.measures.get(name)
        if name not in self.parsed.measure_names:
            self.problem(
                path, f"unknown measure {name!r}; {did_you_mean(name, self.parsed.measure_names)}"
            )
        elif spec and spec.numerator:
            self.problem(path, f"{name!r} is a ratio itself; name a measure over a column")

    def _identifier(self, path: Path, name: str) -> None:
        if not IDENTIFIER.fullmatch(name):
            self.problem(
                path, f"found {name!r}; expected lower-case letters, digits and _, a letter first"
            )
