"""The DuckDB engine: what the Spark jobs do to a small batch, in a Lambda function and in seconds.

Rows live in DuckDB, data files are written and read by DuckDB, and pyiceberg commits them; pyarrow, pandas and Spark
are not here, because the layer of a function has no room for them. What this engine cannot do, or would have to read
too much for, raises NeedsSpark, and the Spark jobs carry out the same run on the same tables.
"""
