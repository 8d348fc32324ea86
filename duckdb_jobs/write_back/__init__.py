"""The processed table of a dataset, written into schema `silver` of the internal database (docs/write_back.md)."""
