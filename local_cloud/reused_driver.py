"""The Python driver of one Glue run whose JVM served other runs before: PROPERTIES SCRIPT ARGUMENT ...

The process is the run's own, with its role's credentials in its environment; only the JVM is used again. What the JVM
must know of the run (Spark's properties, credentials) is set before the script, and is gone after it.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyspark import SparkContext

# Names of the AWS SDK for Java 2 and their variables; read anew for each call by its SystemPropertyCredentialsProvider.
CREDENTIALS = {
    "aws.accessKeyId": "AWS_ACCESS_KEY_ID",
    "aws.secretAccessKey": "AWS_SECRET_ACCESS_KEY",
    "aws.sessionToken": "AWS_SESSION_TOKEN",
}


def main(properties_file: str, script: str, *arguments: str) -> None:
    """Run the script as spark-submit would; an exception of the script ends this process, too."""
    SparkContext._ensure_initialized()
    jvm: Any = SparkContext._jvm
    given: Mapping[str, str] = json.loads(Path(properties_file).read_text("utf-8"))
    system = jvm.java.lang.System
    known = {str(name) for name in system.getProperties().stringPropertyNames()}
    for name, value in {
        **given,
        **{name: os.environ[CREDENTIALS[name]] for name in CREDENTIALS},
    }.items():
        system.setProperty(name, value)
    sys.argv, sys.path[0] = [script, *arguments], str(Path(script).parent)
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        if SparkContext._active_spark_context is not None:
            SparkContext._active_spark_context.stop()
        jvm.org.apache.spark.sql.classic.SparkSession.clearActiveSession()
        jvm.org.apache.spark.sql.classic.SparkSession.clearDefaultSession()
        jvm.org.apache.hadoop.fs.FileSystem.closeAll()
        for name in {str(name) for name in system.getProperties().stringPropertyNames()} - known:
            system.clearProperty(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
