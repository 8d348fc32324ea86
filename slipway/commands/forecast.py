"""`slipway forecast`: what is published as forecast of a dataset, the ones before, and a training of its model now."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.errors import PermanentError
from contracts.model import Contract
from dashboards.page_data import Forecast
from pipeline.engines import TITLES
from pipeline.run_documents import ForecastRollback
from slipway.acting import operations, progress
from slipway.console import Stopwatch, confirm, say, table
from slipway.deployment import Deployment, connect
from slipway.reading import executions, forecast_history, forecasts, ledgers
from slipway.reading.forecast_history import KeptForecast
from slipway.showing import views

REVIEW = ("period", "expected", "80 % from", "to", "came", "series within 80 %")
HEADERS = ("series", "method", "next", "80 % from", "to", "WAPE", "MASE")
FIGURES = (2, 3, 4, 5, 6)


def run(options: argparse.Namespace) -> int:
    """0 when there is a forecast, or it was done; 1 when none was made yet, or what was started failed.

    Raises PermanentError when the contract has nothing forecast.
    """
    contract = ledgers.one_contract(options.dataset)
    if not contract.forecast_models:
        raise PermanentError(
            f"nothing of {contract.dataset} is forecast; say `forecast` on a curated table of its contract first"
        )
    deployment = connect(options.environment)
    match options.action:
        case "train":
            asked = operations.engine(deployment, options.engine)
            return _train(deployment, contract.dataset, asked, wait=not options.no_wait)
        case "rollback":
            return _rollback(deployment, contract, options)
        case "show" if options.history:
            return _show_history(deployment, contract)
    found = forecasts.of_dataset(deployment, contract)
    if not found:
        say(f"{contract.dataset}: no forecast was made yet; the next run makes it")
        return 1
    for forecast in found:
        _show(forecast)
    return 0


def _show_history(deployment: Deployment, contract: Contract) -> int:
    listed = {
        each.name: forecast_history.of_table(deployment, each.name)
        for each in contract.forecast_models
    }
    for name, found in listed.items():
        say(f"forecasts of {name}, newest first: {len(found)}")
        for each in found:
            for line in _entry(name, each):
                say(line)
    return 0 if all(listed.values()) else 1


def _rollback(deployment: Deployment, contract: Contract, options: argparse.Namespace) -> int:
    name = _one_table(contract, options.table)
    found = forecast_history.of_table(deployment, name)
    published = next((each for each in found if each.state == "published"), None)
    target = _target(name, found, options.to)
    if published is None or target is None:
        raise PermanentError(f"{name} keeps no forecast before the published one; nothing was done")
    say(f"published now: {_in_a_line(published)}")
    say(f"goes back to:  {_in_a_line(target)}")
    confirm(name, "The next run makes a new forecast.", yes=options.yes)
    wanted = ForecastRollback(
        table=name,
        undone=str(published.version),
        back_to=str(target.version),
        reason=options.reason,
    )
    request: dict[str, object] = {"mode": "forecast_rollback", "forecast": wanted.to_json()}
    return operations.care(deployment, contract.dataset, request, no_wait=options.no_wait)


def _one_table(contract: Contract, named: str | None) -> str:
    names = [each.name for each in contract.forecast_models]
    if named is None and len(names) == 1:
        return names[0]
    if named not in names:
        raise PermanentError(f"--table is {named!r}; give one of {', '.join(names)}")
    return named


def _target(name: str, found: Sequence[KeptForecast], to: int | None) -> KeptForecast | None:
    """The forecast to go back to: the newest one that is kept, or the one of this version."""
    kept = [each for each in found if each.state == "kept"]
    if to is None:
        return next(iter(kept), None)
    chosen = next((each for each in kept if each.version == to), None)
    if chosen is None:
        listed = ", ".join(str(each.version) for each in kept) or "none"
        raise PermanentError(
            f"--to is {to}, which {name} cannot go back to; it keeps before the published one: {listed}"
        )
    return chosen


def _entry(name: str, kept: KeptForecast) -> Iterator[str]:
    """What one has to know to choose it; versions from before there were entries say less."""
    yield f"{kept.version}  {kept.state}"
    yield f"    made {kept.made_at:%Y-%m-%d %H:%M:%S} by {kept.run_id}, {_errors(kept)}"
    if kept.model_version:
        yield f"    model {kept.model_version}; series: {_counts(kept.methods) or 'none, no history was long enough'}"
        yield (
            f"    known through {kept.trained_through}, from version {kept.curated_version} of {name}, "
            f"contract {kept.contract_version}"
        )


def _errors(kept: KeptForecast) -> str:
    return (
        f"WAPE {kept.wape}, seasonal naive {kept.naive_wape}"
        if kept.wape
        else "no backtest is known"
    )


def _counts(methods: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {method}" for method, count in methods.items())


def _in_a_line(kept: KeptForecast) -> str:
    return (
        f"{kept.version} of {kept.run_id}, made {kept.made_at:%Y-%m-%d %H:%M:%S}, {_errors(kept)}"
    )


def _train(deployment: Deployment, dataset: str, asked: Mapping[str, str], *, wait: bool) -> int:
    watch = Stopwatch()
    arn = executions.start(deployment, "training", {"dataset": dataset, **asked})
    watch.say(f"started {arn}")
    if not wait:
        return 0
    ending = executions.wait(deployment, arn, lambda step: progress.tell(step, watch))
    if not ending.succeeded:
        views.failures(deployment, [ending.execution], what="training")
        return 1
    for line in _outcome(dataset, ending.output):
        say(line)
    return 0


def _outcome(dataset: str, said: Mapping[str, Any]) -> Iterator[str]:
    """What became of a training, in sentences."""
    outcome, verdict = said["outcome"], said.get("verdict") or {}
    made = said["features"]
    yield f"features were made by {TITLES[made['engine']]}: {made['reason']}"
    if "wape" in verdict:
        yield (
            f"backtest of {verdict['series']} series: WAPE {verdict['wape']}, seasonal naive {verdict['naive_wape']}; "
            f"better than every other method: {verdict['better']}"
        )
    match outcome:
        case "published":
            yield f"published; see it: slipway forecast show --dataset {dataset}"
        case "not better":
            yield "not published: no series is better with it, so the forecast of the last run stays"
        case "superseded":
            yield "not published: the tables were published again meanwhile; the training after that run follows"
        case "nothing to learn":
            yield "nothing to learn: a model of these tables was published, or no history is long and dense enough"
        case _:
            yield str(outcome)


def _show(forecast: Forecast) -> None:
    total = forecast.points[0]
    say(f"{forecast.title}: known through the period of {forecast.trained_through}")
    say(f"all series, {total.period}: {total.value:,}")
    rows = [
        tuple(
            "-" if value is None else value
            for value in (
                *(series.name, series.method, series.value, series.lower_80, series.upper_80),
                *(series.wape, series.mase),
            )
        )
        for series in forecast.series
    ]
    table(f"{len(forecast.points)} periods from {total.period}", HEADERS, rows, right=FIGURES)
    if forecast.reviewed:
        past = [
            tuple(
                "-" if value is None else value
                for value in (
                    *(each.period, each.value, each.lower_80, each.upper_80, each.actual),
                    f"{each.inside} of {each.series}",
                )
            )
            for each in forecast.reviewed
        ]
        table("last forecast against what came, all series", REVIEW, past, right=range(1, 6))
