"""Figures for the README: how fast, how much memory, and what one more day costs. Started by `make bench`."""
