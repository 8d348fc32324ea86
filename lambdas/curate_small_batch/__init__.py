"""Curates a small batch with DuckDB and publishes: what the Glue job processed_to_curated does to any batch."""
