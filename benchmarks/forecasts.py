"""Forecasts compared on the same series and the same last origin: what is published with and without a trained model,
the model alone, seasonal naive, and whatever other methods are handed in. benchmarks/compare_forecasts.py prints it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from ml import forecast_model
from pipeline.run_documents import TrainingPlan, TrainingTable
from rows.forecast_run import Key, Known
from rows.forecast_training import HEADER, LaidOut, read_said
from rows.forecasting import forecast
from rows.forecasting.backtest import seasonal_scale
from rows.forecasting.features import is_learned
from rows.forecasting.methods import Predicted, SeasonalNaive
from rows.forecasting.series import Scale, SeriesForecast
from sample_data.series import histories

YEAR, HORIZON = 12, 6
CENTS = Scale(decimals=2, largest=Decimal(10) ** 16)
Method = Callable[[Sequence[float]], Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class Series:
    """A history, the kind that it is of, and what came after it."""

    kind: str
    known: tuple[float, ...]
    came: tuple[float, ...]


@dataclass(kw_only=True)
class Errors:
    """Sums over series: WAPE is of all amounts, MASE the mean of the series that have one."""

    error: float = 0.0
    size: float = 0.0
    scaled: list[float] = field(default_factory=list)

    def add(self, series: Series, said: Sequence[float]) -> None:
        """The errors of one forecast."""
        error = sum(abs(came - value) for came, value in zip(series.came, said, strict=True))
        self.error, self.size = self.error + error, self.size + sum(map(abs, series.came))
        if scale := seasonal_scale(series.known, YEAR):
            self.scaled.append(error / len(series.came) / scale)

    def __str__(self) -> str:
        wape = self.error / self.size if self.size else 0.0
        return f"{wape:.3f} / {sum(self.scaled) / len(self.scaled):.3f}"


@dataclass(kw_only=True)
class Coverage:
    """How many periods came, and how many within the band of 80 and of 95 %."""

    periods: int = 0
    narrow: int = 0
    wide: int = 0

    def add(self, series: Series, said: SeriesForecast) -> None:
        """The periods of one forecast that has bands."""
        for came, point in zip(series.came, said.points, strict=True):
            bounds = (point.lower_80, point.upper_80, point.lower_95, point.upper_95)
            if None in bounds:
                continue
            low, high, lowest, highest = (float(bound or 0) for bound in bounds)
            self.periods += 1
            self.narrow += low <= came <= high
            self.wide += lowest <= came <= highest

    def __str__(self) -> str:
        return f"{self.narrow / self.periods:.1%} / {self.wide / self.periods:.1%}"


def generated(each: int, months: int, seed: int) -> list[Series]:
    """So many of each kind; of each the last HORIZON months are what came."""
    return [
        Series(kind=kind, known=tuple(found[:-HORIZON]), came=tuple(found[-HORIZON:]))
        for kind, found in histories(each, months, seed)
    ]


def trained(series: Sequence[Series]) -> list[Predicted | None]:
    """What the model says of each series, by the script that SageMaker runs, trained over all of them."""
    laid_out = _laid_out(series)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("train", "model", "output"):
            (folder / part).mkdir()
        asked = _write(laid_out, folder / "train" / "rows.csv")
        forecast_model.train(folder / "train", folder / "model", folder / "output", [YEAR])
        models = forecast_model.model_fn(str(folder / "model"))
        examples = forecast_model.input_fn(asked, forecast_model.CSV)
        answer = forecast_model.predict_fn(examples, models)
        lines = [*(folder / "output" / forecast_model.BACKTEST_FILE).open(), *answer.splitlines()]
    return _by_series(series, lines)


def _laid_out(series: Sequence[Series]) -> LaidOut:
    amounts: dict[Key, list[Decimal]] = {
        (place,): [Decimal(str(each)) for each in one.known] for place, one in enumerate(series)
    }
    until, learned = date(2024, 1, 1), sum(is_learned(one.known, YEAR) for one in series)
    table = TrainingTable(
        table="t", snapshot=1, until=until, season=YEAR, horizon=HORIZON, series=len(series), learned=learned
    )  # fmt: skip
    plan = TrainingPlan(dataset="d", run_id="r", contract_version="1", tables=(table,), examples=0)
    return LaidOut(plan=plan, known=(Known(version=1, until=until, series=amounts),))


def _write(laid_out: LaidOut, to_learn: Path) -> str:
    asked = []
    with to_learn.open("w") as stream:
        stream.write(",".join(HEADER) + "\n")
        for is_known, line in laid_out.lines():
            if is_known:
                stream.write(",".join(line) + "\n")
            else:
                asked.append(",".join(line))
    return "\n".join(asked) + "\n"


def _by_series(series: Sequence[Series], lines: Iterable[str]) -> list[Predicted | None]:
    steps: dict[int, dict[int, list[float]]] = {}
    for said in read_said(lines):
        origin = said.moment + len(series[said.series].known)
        steps.setdefault(said.series, {}).setdefault(origin, []).append(said.amount)
    return [
        Predicted(forecasts=steps[place]) if place in steps else None
        for place in range(len(series))
    ]


def published(one: Series, predicted: Predicted | None = None) -> SeriesForecast:
    """What a table of forecasts would have."""
    amounts = [Decimal(str(value)) for value in one.known]
    return forecast(amounts, season=YEAR, horizon=HORIZON, scale=CENTS, predicted=predicted)


def compared(series: Sequence[Series], others: Mapping[str, Method]) -> Iterator[str]:
    """Lines of Markdown: errors of every method by kind, coverage, and which methods were published."""
    said = trained(series)
    with_model = [published(one, model) for one, model in zip(series, said, strict=True)]
    without = [published(one) for one in series]
    answers: dict[str, Callable[[int], Sequence[float]]] = {
        "published, with the trained model": lambda n: _values(with_model[n]),
        "published, function alone": lambda n: _values(without[n]),
        "the trained model, ungated": lambda n: _model(said[n], series[n], with_model[n]),
        "seasonal naive": lambda n: SeasonalNaive(series[n].known, YEAR).at(
            len(series[n].known), HORIZON
        ),
        **{name: (lambda n, m=method: m(series[n].known)) for name, method in others.items()},  # type: ignore[misc]
    }
    kinds = [*dict.fromkeys(one.kind for one in series), "all"]
    yield f"| WAPE / MASE | {' | '.join(kinds)} |"
    yield f"|---|{'---|' * len(kinds)}"
    for name, answer in answers.items():
        yield f"| {name} | {' | '.join(map(str, _errors(series, kinds, answer)))} |"
    for name, forecasts in (("with the model", with_model), ("function alone", without)):
        yield f"| within 80 / 95 %, {name} | {' | '.join(_coverages(series, kinds, forecasts))} |"
    for method in ("gradient_boosting", "holt_winters"):
        counts = [
            sum(
                found.method == method
                for one, found in zip(series, with_model, strict=True)
                if kind in (one.kind, "all")
            )
            for kind in kinds
        ]
        yield f"| published by {method} | {' | '.join(map(str, counts))} |"


def _values(found: SeriesForecast) -> list[float]:
    return [float(point.value) for point in found.points]


def _model(said: Predicted | None, one: Series, otherwise: SeriesForecast) -> Sequence[float]:
    """What is not learned from has no model: what is published instead."""
    return said.at(len(one.known), HORIZON) if said else _values(otherwise)


def _errors(
    series: Sequence[Series], kinds: Sequence[str], answer: Callable[[int], Sequence[float]]
) -> list[Errors]:
    found = {kind: Errors() for kind in kinds}
    for number, one in enumerate(series):
        said = answer(number)
        for kind in (one.kind, "all"):
            found[kind].add(one, said)
    return list(found.values())


def _coverages(
    series: Sequence[Series], kinds: Sequence[str], forecasts: Sequence[SeriesForecast]
) -> list[str]:
    found = {kind: Coverage() for kind in kinds}
    for one, said in zip(series, forecasts, strict=True):
        for kind in (one.kind, "all"):
            found[kind].add(one, said)
    return [str(each) if each.periods else "-" for each in found.values()]
