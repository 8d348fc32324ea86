"""ETS and theta of statsmodels, and monthly series that it ships: only in the environment of `make bench-forecasts`.

ETS is the best by AICc of none, of a damped trend with an added season, and (above zero) of both multiplied. Theta
tests for a season by itself. Where a fit fails, what is said is seasonal naive, and the failures are counted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import statsmodels.api as statsmodels
from statsmodels.datasets import elec_equip
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.theta import ThetaModel

from benchmarks.forecasts import HORIZON, YEAR, Series
from rows.forecasting.methods import SeasonalNaive

Fit = Callable[[Sequence[float]], Sequence[float]]
failures: dict[str, int] = {"ETS": 0, "theta": 0}


def ets(known: Sequence[float]) -> Sequence[float]:
    """The best of three by AICc."""
    values = np.asarray(known, dtype=float)
    candidates: list[dict[str, Any]] = [
        {"error": "add"},
        {"error": "add", "trend": "add", "damped_trend": True, "seasonal": "add"},
    ]
    if min(known) > 0:
        candidates.append({"error": "mul", "trend": "add", "damped_trend": True, "seasonal": "mul"})
    fitted = [
        ETSModel(values, seasonal_periods=YEAR if "seasonal" in each else None, **each).fit(
            disp=False
        )
        for each in candidates
    ]
    best = min(fitted, key=lambda result: float(result.aicc))
    return [float(value) for value in best.forecast(HORIZON)]


def theta(known: Sequence[float]) -> Sequence[float]:
    """As it comes, with its own test for a season."""
    multiplies = "mul" if min(known) > 0 else "add"
    model = ThetaModel(np.asarray(known, dtype=float), period=YEAR, method=multiplies)
    return [float(value) for value in np.asarray(model.fit().forecast(HORIZON))]


def _or_naive(name: str, fit: Fit) -> Fit:
    def said(known: Sequence[float]) -> Sequence[float]:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # thousands of fits, each of which may say that it ended early
            try:
                values = fit(known)
                if np.all(np.isfinite(values)):
                    return values
            except (ValueError, np.linalg.LinAlgError):
                pass
        failures[name] += 1
        return SeasonalNaive(known, YEAR).at(len(known), HORIZON)

    return said


METHODS: Mapping[str, Fit] = {"ETS": _or_naive("ETS", ets), "theta": _or_naive("theta", theta)}


def public_series() -> list[Series]:
    """By month: orders of electrical equipment, temperature of the sea surface, carbon dioxide in the air."""
    equipment = elec_equip.load_pandas().data.iloc[:, -1].astype(float).tolist()
    temperature = (
        statsmodels.datasets.elnino.load_pandas().data.iloc[:, 1:].to_numpy().ravel().tolist()
    )
    dioxide = (
        statsmodels.datasets.co2.load_pandas().data["co2"].resample("MS").mean().ffill().tolist()
    )
    found = {"elec_equip": equipment, "elnino": temperature, "co2": dioxide}
    return [
        Series(kind=name, known=tuple(values[:-HORIZON]), came=tuple(values[-HORIZON:]))
        for name, values in found.items()
    ]
