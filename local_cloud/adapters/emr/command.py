"""Turns a job run of EMR Serverless into the `spark-submit` that does the same work on this machine.

Pure functions. An option or a property of EMR Serverless that is not known here is refused by name, never ignored.
"""

from __future__ import annotations

import importlib.metadata
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from local_cloud.adapters.glue.command import DRIVER_PYTHON, local_properties, needed_jars
from local_cloud.settings import ServerSettings
from pipeline.emr_releases import EmrRelease

OPTIONS = {"--py-files": "py_files", "--jars": "jars"}
SERVERLESS = "spark.emr-serverless."
# What workers are made of, and which Python of EMR's they use: here it is this machine, and the environment's Python.
OF_WORKERS = frozenset(
    {
        *(f"{SERVERLESS}{part}.disk" for part in ("driver", "executor")),
        *(f"{SERVERLESS}driverEnv.{name}" for name in ("PYSPARK_DRIVER_PYTHON", "PYSPARK_PYTHON")),
        "spark.executorEnv.PYSPARK_PYTHON",
    }
)
NOT_DONE = (
    "spark.archives",
    "spark.submit.pyFiles",
    "spark.jars",
)  # said by other options, or not at all
# No archive of classes: that of `make setup` is of another Spark.
JAVA_OPTIONS = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


class NotDone(ValueError):
    """Something that EMR Serverless does and the embedded AWS does not."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """The options of spark-submit, as `sparkSubmitParameters` gives them."""

    py_files: tuple[str, ...]
    jars: tuple[str, ...]
    properties: dict[str, str]


def parse(parameters: str) -> Submission:
    """Read `sparkSubmitParameters`. Raises NotDone for an option that is not known here."""
    words = shlex.split(parameters)
    files: dict[str, tuple[str, ...]] = {"py_files": (), "jars": ()}
    properties = dict[str, str]()
    for option, value in zip(words[::2], [*words[1::2], ""], strict=False):
        if option in OPTIONS:
            files[OPTIONS[option]] = tuple(value.split(","))
        elif option == "--conf" and "=" in value:
            name, _, setting = value.partition("=")
            properties[name] = setting
        else:
            raise NotDone(
                f"option {option} {value} of spark-submit is not done by the embedded AWS"
            )
    return Submission(properties=_known(properties), **files)


def _known(properties: dict[str, str]) -> dict[str, str]:
    unknown = [
        name
        for name in properties
        if name in NOT_DONE or (name.startswith(SERVERLESS) and name not in OF_WORKERS)
    ]
    if unknown:
        raise NotDone(f"property {', '.join(unknown)} is not done by the embedded AWS")
    return {name: value for name, value in properties.items() if name not in OF_WORKERS}


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The Python with a release's Spark, and the jars that EMR has and a local Spark lacks."""

    python: Path
    jars: tuple[Path, ...]

    @property
    def spark_jars(self) -> list[Path]:
        """The jars that Spark brings."""
        [pyspark] = self.python.parents[1].glob("lib/python3*/site-packages/pyspark")
        return sorted((pyspark / "jars").glob("*.jar"))


def environment_of(release: EmrRelease, settings: ServerSettings) -> Environment:
    """The environment for a release: the product's own if it has its Spark, else the one that `make emr` makes.

    Raises FileNotFoundError when it is not there.
    """
    ours = sorted(settings.jars_dir.glob("*.jar"))
    common = [jar for jar in ours if not jar.name.startswith(("iceberg-", "delta-"))]
    if importlib.metadata.version("pyspark") == release.spark:
        return Environment(python=Path(sys.executable), jars=tuple(common))
    folder = settings.jars_dir.parent / "emr"
    python, hadoop = (
        folder / "python" / "bin" / "python",
        sorted(folder.glob("jars/hadoop-aws-*.jar")),
    )
    if not python.exists() or not hadoop:
        raise FileNotFoundError(
            f"Spark {release.spark} of {release.label} is not on this machine: run `make emr`"
        )
    others = [jar for jar in common if not jar.name.startswith("hadoop-aws-")]
    return Environment(python=python, jars=(*others, *hadoop))


def spark_submit(
    settings: ServerSettings,
    environment: Environment,
    submission: Submission,
    *,
    script: Path,
    py_files: list[Path],
    jars: list[Path],
    arguments: list[str],
) -> list[str]:
    """The whole command line of one run; `jars` are those that the job ships."""
    properties = submission.properties | local_properties(settings, JAVA_OPTIONS)
    # Spark's own configuration wins over the environment in which it is started.
    properties["spark.pyspark.driver.python"] = str(DRIVER_PYTHON)
    class_path = [*jars, *needed_jars(list(environment.jars), environment.spark_jars)]
    properties["spark.driver.extraClassPath"] = os.pathsep.join(map(str, class_path))
    command = [str(environment.python.parent / "spark-submit")]
    command += [
        text for name, value in properties.items() for text in ("--conf", f"{name}={value}")
    ]
    command += ["--py-files", ",".join(map(str, py_files))] if py_files else []
    return [*command, str(script), *arguments]
