"""Analyses of the curated tables as notebooks, and the module that executes them. Started by `make notebook`."""
