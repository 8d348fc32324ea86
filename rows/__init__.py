"""What happens to a row, without any engine: grammar, layout, results of rules, table definitions and their evolution.

Imports neither Spark nor DuckDB nor boto3: each engine turns what it finds here into its own columns.
"""
