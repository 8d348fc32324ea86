"""Forecasts the curated tables of a dataset that its contract marks, and publishes the forecasts beside them."""
