"""Redshift Serverless and its Data API over one DuckDB file per namespace."""
