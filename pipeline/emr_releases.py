"""The releases of EMR Serverless that runs may be done with: which Spark each has, and which Iceberg goes with it.

A job is told the version of Spark and stops at its start under any other (glue_jobs/session.py), since results are
proven for these alone. Python is 3.11 in both, as they have it.
Source: EMR release guide, "emr-spark-8.0.0" and "emr-spark-8.1.0", application versions.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EmrRelease:
    """A release label. `iceberg_jar` is shipped with the application, from the root of the repository; `made_by` is
    the make target that leaves it there.
    """

    label: str
    spark: str
    iceberg_jar: str
    made_by: str


RELEASES = (
    EmrRelease(
        label="emr-spark-8.0.0",
        spark="4.0.2",
        iceberg_jar=".slipway/emr/jars/iceberg-spark-runtime-4.0_2.13-1.10.1.jar",
        made_by="make emr",
    ),
    EmrRelease(
        label="emr-spark-8.1.0",
        spark="4.1.1",
        iceberg_jar=".slipway/jars/iceberg-spark-runtime-4.1_2.13-1.11.0.jar",
        made_by="make setup",
    ),
)
BY_LABEL = {release.label: release for release in RELEASES}
