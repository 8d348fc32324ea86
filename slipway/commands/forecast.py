"""`slipway forecast show`: what is published as forecast of a dataset, series by series."""

from __future__ import annotations

import argparse

from contracts.errors import PermanentError
from dashboards.page_data import Forecast
from slipway.console import say, table
from slipway.deployment import connect
from slipway.reading import forecasts, ledgers

HEADERS = ("series", "method", "next", "80 % from", "to", "WAPE", "MASE")
FIGURES = (2, 3, 4, 5, 6)


def run(options: argparse.Namespace) -> int:
    """0 when there is a forecast, 1 when none was made yet.

    Raises PermanentError when the contract has nothing forecast.
    """
    contract = ledgers.one_contract(options.dataset)
    if not contract.forecast_models:
        raise PermanentError(
            f"nothing of {contract.dataset} is forecast; say `forecast` on a curated table of its contract first"
        )
    found = forecasts.of_dataset(connect(options.environment), contract)
    if not found:
        say(f"{contract.dataset}: no forecast was made yet; the next run makes it")
        return 1
    for forecast in found:
        _show(forecast)
    return 0


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
