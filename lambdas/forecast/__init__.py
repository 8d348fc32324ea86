"""Forecasts the curated tables that a contract marks, and publishes the forecasts beside them; takes one back."""
