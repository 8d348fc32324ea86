"""Writes the processed table of a dataset into the internal database (docs/write_back.md)."""
