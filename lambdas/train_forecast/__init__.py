"""Lays out what a model of forecasts is trained with, judges what it says, and publishes that."""
