"""Tables of the DuckDB engine: what every table format must offer, over relations of DuckDB."""
