"""What the function reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.environment import Limit


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the tables are, and the files of a training (processed bucket).

    Above these megabytes of curated tables Spark makes the features, on Glue or on EMR Serverless, if that is there.
    """

    environment: str
    processed_bucket: str
    curated_bucket: str
    spark_above_megabytes: Limit
    emr_above_megabytes: Limit | None = None
