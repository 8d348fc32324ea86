"""Turns a Glue job and its arguments into the `spark-submit` that does the same work on this machine.

Pure functions: what Glue does with each argument is written down here once, and testable without Spark.
"""

from __future__ import annotations

import os
import re
import sys
from itertools import takewhile
from pathlib import Path

from local_cloud.settings import REGION, ServerSettings, class_archive

# Arguments that Glue acts on itself, which the script need not see.
# Source: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
CONSUMED = frozenset(
    {"--conf", "--extra-py-files", "--extra-jars", "--extra-files", "--datalake-formats"}
)
ICEBERG_CATALOG = "spark.sql.catalog.glue_catalog"
DRIVER_PYTHON = Path(__file__).parents[2] / "driver_python.sh"
REUSED_DRIVER = Path(__file__).parents[2] / "reused_driver.py"
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|[A-Z]\w+)(?::.*)?$")
_STACK = re.compile(r"\tat |Traceback|Caused by: |\d\d/\d\d/\d\d ")
MESSAGE_LIMIT = 2000
PROVIDERS = "software.amazon.awssdk.auth.credentials"
FIXED_AT_START = ("spark.driver.memory", "spark.driver.extraJavaOptions")
# The quick compiler alone would get 48 MB for its code, too little for many runs: it would compile the same again.
ROOM_FOR_CODE = "-XX:ReservedCodeCacheSize=240m"


def merged_arguments(
    defaults: dict[str, str], run: dict[str, str], *, job_name: str, run_id: str
) -> dict[str, str]:
    """Arguments of one run: the run's win over the job's, and Glue adds the job's name and the run's id."""
    return {**defaults, "--JOB_NAME": job_name, "--JOB_RUN_ID": run_id, **run}


def spark_properties(conf_argument: str) -> dict[str, str]:
    """Properties from Glue's one `--conf` argument, which carries several as `a=b --conf c=d`."""
    parts = [part for part in re.split(r"\s*--conf\s+", conf_argument.strip()) if part]
    malformed = [part for part in parts if "=" not in part]
    if malformed:
        raise ValueError(
            f"--conf holds {malformed[0]!r}, expected key=value; several are joined by ' --conf '"
        )
    return {key.strip(): value.strip() for key, value in (part.split("=", 1) for part in parts)}


def script_arguments(arguments: dict[str, str]) -> list[str]:
    """The argv that the script sees: `--KEY value` for everything Glue does not consume."""
    return [
        text for key, value in arguments.items() if key not in CONSUMED for text in (key, value)
    ]


def local_properties(settings: ServerSettings, java: list[str] | None = None) -> dict[str, str]:
    """What differs from AWS: endpoints, credentials from the environment, and the size of this machine."""
    return {
        "spark.master": "local[2]",
        "spark.driver.memory": "2g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": " ".join(java_options(settings) if java is None else java),
        "spark.pyspark.driver.python": str(DRIVER_PYTHON),
        "spark.log.level": "WARN",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.default.parallelism": "2",
        "spark.databricks.delta.snapshotPartitions": "2",  # not 50 tasks to read a log
        "spark.local.dir": str(settings.state_dir / "spark"),
        "spark.sql.warehouse.dir": str(settings.state_dir / "spark" / "warehouse"),
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        "spark.hadoop.fs.s3a.endpoint": settings.endpoint,
        "spark.hadoop.fs.s3a.endpoint.region": REGION,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
        "spark.hadoop.fs.s3a.aws.credentials.provider": f"{PROVIDERS}.EnvironmentVariableCredentialsProvider",
        "spark.hadoop.fs.s3a.buffer.dir": str(settings.state_dir / "spark"),
        f"{ICEBERG_CATALOG}.glue.endpoint": settings.endpoint,
        f"{ICEBERG_CATALOG}.s3.endpoint": settings.endpoint,
        f"{ICEBERG_CATALOG}.s3.path-style-access": "true",
        f"{ICEBERG_CATALOG}.client.region": REGION,
    }


def java_options(settings: ServerSettings) -> list[str]:
    """For runs of seconds: the quick compiler only, and classes from the archive. Figures in spark_classes."""
    options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    archive = class_archive(settings.jars_dir)
    if settings.record_classes:
        return [*options, f"-XX:ArchiveClassesAtExit={archive}"]
    return [*options, f"-XX:SharedArchiveFile={archive}"] if archive.exists() else options


def spark_submit(
    settings: ServerSettings,
    arguments: dict[str, str],
    script: Path,
    py_files: list[Path],
    jars: list[Path],
) -> list[str]:
    """The whole command line of one run.

    The jars go on the driver's class path, which is all there is in local mode: `--jars` would copy each one first.
    """
    properties = spark_properties(arguments.get("--conf", "")) | local_properties(settings)
    properties["spark.driver.extraClassPath"] = os.pathsep.join(map(str, jars))
    command = [str(Path(sys.executable).parent / "spark-submit")]
    command += [text for key, value in properties.items() for text in ("--conf", f"{key}={value}")]
    command += ["--py-files", ",".join(map(str, py_files))] if py_files else []
    return [*command, str(script), *script_arguments(arguments)]


def reused_jvm(settings: ServerSettings, jars: list[Path]) -> list[str]:
    """The command line of a JVM that runs share: only what a JVM must know when it starts."""
    properties = {name: local_properties(settings)[name] for name in FIXED_AT_START}
    properties["spark.driver.extraJavaOptions"] += f" {ROOM_FOR_CODE}"
    properties["spark.driver.extraClassPath"] = os.pathsep.join(map(str, jars))
    command = [str(Path(sys.executable).parent / "spark-submit")]
    command += [text for key, value in properties.items() for text in ("--conf", f"{key}={value}")]
    return [*command, "pyspark-shell"]


def reused_properties(
    settings: ServerSettings, arguments: dict[str, str], py_files: list[Path]
) -> dict[str, str]:
    """Properties of one run in a JVM that was there before; credentials are no part of its environment."""
    properties = spark_properties(arguments.get("--conf", "")) | local_properties(settings)
    properties["spark.hadoop.fs.s3a.aws.credentials.provider"] = (
        f"{PROVIDERS}.SystemPropertyCredentialsProvider"
    )
    properties["spark.submit.pyFiles"] = ",".join(map(str, py_files))
    return {name: value for name, value in properties.items() if name not in FIXED_AT_START}


def needed_jars(jars: list[Path], spark_jars: list[Path]) -> list[Path]:
    """The jars whose library Spark does not bring itself: a second version first on the class path would win."""
    brought = {_library(jar) for jar in spark_jars}
    return [jar for jar in jars if _library(jar) not in brought]


def _library(jar: Path) -> str:
    return re.split(r"-\d", jar.name, maxsplit=1)[0]


def error_message(log: str, exit_code: int) -> str:
    """The exception that ended a script, without its stack and with its root cause, or how the process ended."""
    lines = log.splitlines()
    starts = [
        number
        for number, line in enumerate(lines)
        if line.startswith("Traceback (most recent call last)")
    ]
    for number in range(starts[-1] + 1 if starts else len(lines), len(lines)):
        if _EXCEPTION.match(lines[number]):
            rest = list(takewhile(lambda line: not _STACK.match(line), lines[number + 1 :]))
            causes = [line for line in lines[number:] if line.startswith("Caused by: ")]
            message = "\n".join([lines[number], *rest]).strip()
            return "\n".join([message[: MESSAGE_LIMIT // 2], *causes[-1:]])[:MESSAGE_LIMIT]
    return f"the Spark process ended with exit code {exit_code} and no exception in its log"
