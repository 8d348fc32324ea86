"""Training of a model of forecasts: what it learns from, how it is judged, and the publication of what it says.

A training takes minutes and holds no lock. So it is bound to the version of the curated table that it began with: if
that has been replaced meanwhile, it publishes nothing, and the training of the newer version does. Where the model does
not pass the gate, the series keeps the method that it would have without a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

from contracts import model
from contracts.errors import PermanentError, Superseded
from pipeline.run_documents import ForecastTable, TrainingPlan, TrainingTable, TrainingVerdict
from rows import forecast_run
from rows.forecast_run import SEASON, SOURCE_SNAPSHOT, ForecastRun, HistoryRun, Known, Rows
from rows.forecasting import features, series
from rows.forecasting.backtest import backtest
from rows.forecasting.methods import Predicted, SeasonalNaive

VERSION = "gradient-boosting-2"  # goes up when the same history would give another model
TRAINING = "slipway.training"
KEY_COLUMNS = ("table", "series", "moment", "step", "scale")
TARGET = "target"
HEADER = (*KEY_COLUMNS, *features.NAMES, TARGET)
DIGITS = ".7g"  # of a feature
# A training that takes longer than this to lay out would not fit into its function: 6 steps of 60 origins each.
MOST_EXAMPLES = 3_000_000

Line = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Said:
    """One amount that the model forecast: the table and series by number, its moment (0: for publication) and step."""

    table: int
    series: int
    moment: int
    step: int
    amount: float


def read_said(lines: Iterable[str]) -> Iterator[Said]:
    """What a model said, from lines `table,series,moment,step,amount`; empty lines count for nothing.

    Raises PermanentError, naming the line, for one that is not of this form or holds no finite amount.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            *key, amount = line.strip().split(",")
            table, of, moment, step = map(int, key)
            said = Said(table=table, series=of, moment=moment, step=step, amount=float(amount))
        except ValueError as error:
            raise PermanentError(
                f"line {number} of what the model said is {line.strip()[:80]!r}, "
                "expected table,series,moment,step,amount"
            ) from error
        if not isfinite(said.amount):
            raise PermanentError(
                f"line {number} of what the model said has the amount {said.amount}"
            )
        yield said


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A series that a model learns from, with all that its features are made from, so that any process can make them.

    `totals` are those of all series of its table, by moment.
    """

    table: int
    place: int
    values: Sequence[float]
    season: int
    horizon: int
    totals: Mapping[int, float]

    def lines(self) -> Iterator[tuple[bool, Line]]:
        """Whether a line is to learn from, and its fields in the order of HEADER, without a target that is to come."""
        for example in features.examples(self.values, self.season, self.horizon, self.totals):
            key = (self.table, self.place, example.moment, example.step, repr(example.scale))
            told = tuple(format(value, DIGITS) for value in example.features)
            if example.target is not None:
                yield True, (*map(str, key), *told, format(example.target, DIGITS))
            elif example.moment == 0:
                yield False, (*map(str, key), *told)


@dataclass(frozen=True, kw_only=True)
class LaidOut:
    """A plan, with the histories of its tables."""

    plan: TrainingPlan
    known: tuple[Known, ...]

    def learned(self) -> Iterator[Learned]:
        """The series of which features are made, in the order of the files."""
        for number, (table, known) in enumerate(zip(self.plan.tables, self.known, strict=True)):
            histories = [list(map(float, values)) for values in known.series.values()]
            totals = features.totals_by_moment(histories, table.season)
            for place, values in enumerate(histories):
                if features.is_learned(values, table.season):
                    yield Learned(
                        table=number,
                        place=place,
                        values=values,
                        season=table.season,
                        horizon=table.horizon,
                        totals=totals,
                    )

    def lines(self) -> Iterator[tuple[bool, Line]]:
        """The lines of all of them: whether one is to learn from, and its fields."""
        for each in self.learned():
            yield from each.lines()


def lay_out(work: HistoryRun[Rows]) -> LaidOut:
    """What there is to learn from now. The plan has no table where there is nothing, or a model of it was published.

    Raises PermanentError when it is more than a training is laid out for.
    """
    tables, knowns, examples = [], [], 0
    for curated_model in work.contract.forecast_models:
        wanted, found = curated_model.forecast, forecast_run.newest(work, curated_model)
        if wanted is None or found is None or _is_published(work, curated_model, found):
            continue
        season = SEASON[curated_model.period]
        lengths = [
            len(values)
            for values in found.series.values()
            if features.is_learned(list(map(float, values)), season)
        ]
        if not lengths:
            continue
        examples += sum(features.origins(length, season) * wanted.horizon for length in lengths)
        knowns.append(found)
        tables.append(
            TrainingTable(
                table=curated_model.name,
                snapshot=found.version,
                until=found.until,
                season=season,
                horizon=wanted.horizon,
                series=len(found.series),
                learned=len(lengths),
            )
        )
    if examples > MOST_EXAMPLES:
        raise PermanentError(
            f"{work.contract.dataset} would give {examples:,} examples to learn from, and at most {MOST_EXAMPLES:,} "
            "are laid out; name fewer columns in `by` of its property forecast, or a smaller horizon"
        )
    return LaidOut(
        plan=TrainingPlan(
            dataset=work.contract.dataset,
            run_id=work.run_id,
            contract_version=work.contract.version,
            tables=tuple(tables),
            examples=examples,
        ),
        known=tuple(knowns),
    )


def _is_published(work: HistoryRun[Rows], curated_model: model.CuratedModel, found: Known) -> bool:
    """Whether a model of this version was published; the training that did so may be this one, repeated."""
    table = work.forecasts[curated_model.name]
    if not work.tables.exists(table):
        return False
    kept = work.tables.last_properties(table, SOURCE_SNAPSHOT)
    training = kept.get(TRAINING)
    return kept.get(SOURCE_SNAPSHOT) == str(found.version) and training not in (None, work.run_id)


def judge(
    work: ForecastRun[Rows], plan: TrainingPlan, known: Sequence[Known], said: Iterable[Said]
) -> TrainingVerdict:
    """Hold what the model said in its backtest against the other methods, series by series.

    `known` are the histories of the plan's tables. Raises Superseded when one of these is no longer as the plan has it.
    """
    by_series = _by_series(said)
    better = trained = 0
    error = naive = size = 0.0
    for number, table in enumerate(plan.tables):
        _require_current(work, table)
        for place, values in enumerate(known[number].series.values()):
            predicted = by_series.get((number, place))
            if predicted is None:
                continue
            history = list(map(float, values))
            method = _backtested(predicted, len(history))
            name, _ = series.chosen(history, table.season, table.horizon, method)
            trained, better = trained + 1, better + (name == "gradient_boosting")
            own, of_naive = (
                backtest(each, history, table.horizon, method.needs)
                for each in (method, SeasonalNaive(history, table.season))
            )
            error, naive = error + own.absolute_error, naive + of_naive.absolute_error
            size += sum(map(abs, own.values))
    return TrainingVerdict(
        series=sum(table.learned for table in plan.tables),
        better=better,
        wape=_share(error, size),
        naive_wape=_share(naive, size),
    )


def publish(
    work: ForecastRun[Rows], plan: TrainingPlan, known: Sequence[Known], said: Iterable[Said]
) -> tuple[ForecastTable, ...]:
    """Publish what the model said where it passed the gate, and what the other methods say elsewhere.

    Raises Superseded when a curated table is no longer as the plan has it, RetryableError when another forecast was
    begun meanwhile; what was published before then stays.
    """
    by_series = _by_series(said)
    models = {found.name: found for found in work.contract.forecast_models}
    return tuple(
        _publish(work, plan, number, models[table.table], known[number], by_series)
        for number, table in enumerate(plan.tables)
    )


def _publish(
    work: ForecastRun[Rows],
    plan: TrainingPlan,
    number: int,
    curated_model: model.CuratedModel,
    known: Known,
    by_series: Mapping[tuple[int, int], Mapping[int, Sequence[float]]],
) -> ForecastTable:
    planned, wanted = plan.tables[number], curated_model.forecast
    if wanted is None:
        raise PermanentError(f"{curated_model.name} is not forecast any more")
    _require_current(work, planned)
    predicted = {
        key: _asked(by_series[number, place], len(values))
        for place, (key, values) in enumerate(known.series.items())
        if (number, place) in by_series
    }
    made = forecast_run.forecasts(curated_model, wanted, known, predicted)
    table = work.forecasts[curated_model.name]
    memory = {**forecast_run.memory_of(curated_model, wanted, known), TRAINING: plan.run_id}
    work.tables.ensure(table, may_evolve=True)
    if not memory.items() <= work.tables.last_properties(table, SOURCE_SNAPSHOT).items():
        _require_current(work, planned)
        work.tables.start_draft(table, work.branch)
        _require_current(
            work, planned
        )  # a newer forecast begins after this, and takes the draft away
        version = f"{VERSION}/{plan.run_id}"
        rows = forecast_run.rows_of(work, curated_model.period, known.until, made, version)
        noted = forecast_run.entry(work.contract, known.until, made, version)
        past = forecast_run.review(work, curated_model, known)
        forecast_run.publish_draft(work, table, [*past, *rows], {**memory, **noted})
    return forecast_run.told(table.name, wanted, known.until, made)


def _require_current(work: ForecastRun[Rows], planned: TrainingTable) -> None:
    if planned.table not in work.curated:
        raise Superseded(f"{planned.table} is not forecast any more")
    head = work.tables.head(work.curated[planned.table])
    if head != planned.snapshot:
        raise Superseded(
            f"{planned.table} is at version {head}; the model was trained with {planned.snapshot}"
        )


def _by_series(said: Iterable[Said]) -> dict[tuple[int, int], dict[int, list[float]]]:
    """What was said of each series, by moment, in the order of the steps."""
    steps: dict[tuple[int, int], dict[int, dict[int, float]]] = {}
    for each in said:
        of_series = steps.setdefault((each.table, each.series), {})
        of_series.setdefault(each.moment, {})[each.step] = each.amount
    return {
        key: {moment: [by_step[step] for step in sorted(by_step)] for moment, by_step in by.items()}
        for key, by in steps.items()
    }


def _asked(by_moment: Mapping[int, Sequence[float]], length: int) -> Predicted:
    return Predicted(forecasts={moment + length: steps for moment, steps in by_moment.items()})


def _backtested(by_moment: Mapping[int, Sequence[float]], length: int) -> Predicted:
    """Without what is to be published."""
    return _asked({moment: steps for moment, steps in by_moment.items() if moment < 0}, length)


def _share(part: float, whole: float) -> Decimal | None:
    return forecast_run.error_of(part / whole if whole else None)
