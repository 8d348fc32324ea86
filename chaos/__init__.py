"""Experiments that break a running pipeline on purpose, and then count what was lost, doubled or silently wrong."""
