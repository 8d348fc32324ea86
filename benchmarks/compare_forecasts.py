"""Forecasts compared: the published ones with and without a trained model, seasonal naive, ETS and theta.

`make bench-forecasts` makes an environment of its own with statsmodels, runs this and prints Markdown: WAPE and MASE on
generated series (sample_data/series.py), coverage of the bands, and the monthly series that statsmodels ships.
Without statsmodels: `python -m benchmarks.compare_forecasts --own`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping

from benchmarks.forecasts import HORIZON, Method, compared, generated


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare_forecasts", description=__doc__
    )
    parser.add_argument("--each", type=int, default=200, help="series of each of the five kinds")
    parser.add_argument("--months", type=int, default=90)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--own", action="store_true", help="without statsmodels")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    others: Mapping[str, Method] = {}
    if not options.own:
        from benchmarks import forecast_others  # statsmodels is in an environment of its own

        others = forecast_others.METHODS
    series = generated(options.each, options.months, options.seed)
    print(
        f"{len(series):,} series of {options.months} months, {HORIZON} ahead, seed {options.seed}\n"
    )
    print("\n".join(compared(series, others)))
    if not options.own:
        public = forecast_others.public_series()
        print(f"\nShipped by statsmodels: {', '.join(one.kind for one in public)}\n")
        print("\n".join(compared(public, others)))
        print(f"\nFits that failed and said seasonal naive: {forecast_others.failures}")
    print(f"\n{time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
