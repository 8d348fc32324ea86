"""Reusable parts that stacks compose."""
