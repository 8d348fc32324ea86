#!/bin/sh
# The Python of a Spark driver, which writes its log itself: Spark's launcher would copy what it says line by line, and
# may end before the last lines are copied, which are the error (PythonRunner, Spark 4.1: a daemon thread).
exec >>"$SLIPWAY_DRIVER_LOG" 2>&1
exec "$PYSPARK_PYTHON" "$@"
