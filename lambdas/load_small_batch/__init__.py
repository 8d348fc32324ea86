"""Loads the files of a small batch with DuckDB: what the Glue job raw_to_processed does to any batch."""
