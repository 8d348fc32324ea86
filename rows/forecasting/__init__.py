"""Forecasts of one series at a time, from numbers alone: no calendar, no table, no engine, no library.

Every series is judged by its own history. Nothing is pooled, so an absurd value in one series cannot move another;
the price is that short series get a plain mean, and no band until there are errors to take it from.
"""

from rows.forecasting.series import forecast

__all__ = ["forecast"]
