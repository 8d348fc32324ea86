"""Athena on DuckDB: SQL translated, tables read as the caller, results as Athena writes them."""
