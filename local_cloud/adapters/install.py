"""The list of adapters, in the order in which they are put in place."""

from __future__ import annotations

from local_cloud.adapters import spark_jobs
from local_cloud.settings import ServerSettings


def install_all(settings: ServerSettings) -> None:
    """Close every gap, or stop the start with the name that has moved."""
    spark_jobs.install(settings)
