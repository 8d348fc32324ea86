"""Lets a run pass only when rows and money add up."""
