"""`slipway forecast`: what is published as forecast of a dataset, and a training of its model now."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from contracts.errors import PermanentError
from dashboards.page_data import Forecast
from slipway.acting import progress
from slipway.console import Stopwatch, say, table
from slipway.deployment import Deployment, connect
from slipway.reading import executions, forecasts, ledgers
from slipway.showing import views

HEADERS = ("series", "method", "next", "80 % from", "to", "WAPE", "MASE")
FIGURES = (2, 3, 4, 5, 6)


def run(options: argparse.Namespace) -> int:
    """0 when there is a forecast, or a model was trained; 1 when none was made yet, or the training failed.

    Raises PermanentError when the contract has nothing forecast.
    """
    contract = ledgers.one_contract(options.dataset)
    if not contract.forecast_models:
        raise PermanentError(
            f"nothing of {contract.dataset} is forecast; say `forecast` on a curated table of its contract first"
        )
    deployment = connect(options.environment)
    if options.action == "train":
        return _train(deployment, contract.dataset, wait=not options.no_wait)
    found = forecasts.of_dataset(deployment, contract)
    if not found:
        say(f"{contract.dataset}: no forecast was made yet; the next run makes it")
        return 1
    for forecast in found:
        _show(forecast)
    return 0


def _train(deployment: Deployment, dataset: str, *, wait: bool) -> int:
    watch = Stopwatch()
    arn = executions.start(deployment, "training", {"dataset": dataset})
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
