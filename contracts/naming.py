"""The one place that decides what things are called: databases, tables, object keys, execution names.

Every function is pure, so stacks, Lambdas, jobs and the CLI agree without asking each other.
"""

from __future__ import annotations

import re
from typing import Literal

Zone = Literal["raw", "processed", "curated"]

LANDING_PREFIX = "partners/"  # only keys below it raise intake events
REJECTED_PREFIX = "rejected/"  # same bucket, outside the event filter
REPLAY_PARTNER = "slipway-replay"  # no SFTP user may have this name: operators replay corrected rows below its prefix
SMOKE_PARTNER = "slipway-smoke"  # nor this one: `slipway smoke` puts a file below it when it has no key to log in
BY_OPERATORS = (
    REPLAY_PARTNER,
    SMOKE_PARTNER,
)  # what lies below these came from operators, not from a partner
SOURCE_PARTNER = (
    "source-"  # begins the partner of a fetched source; no SFTP user may have such a name
)
RECORDS_METADATA = "fetch-records"  # of a fetched file: how many records its source says it has
TOTALS_METADATA = (
    "fetch-totals"  # the totals that a database says it has: JSON, amounts as text by column
)
FETCHING_PREFIX = "fetching/"  # in the landing bucket, outside the event filter: parts of files still being fetched
# Column of every processed row: when its file arrived. A dataset whose rows have no date is partitioned by it.
ARRIVAL_COLUMN = "_received_at"
RUNS_PREFIX = "runs/"  # in the processed bucket: manifests, staged rows and results of runs
TRAININGS_PREFIX = (
    f"{RUNS_PREFIX}*/training-"  # how folders of trainings begin there, of any dataset
)


def database(environment: str, zone: Zone) -> str:
    """Glue database of a zone, e.g. slipway_dev_processed."""
    return f"slipway_{environment}_{zone}"


def quarantine_table(dataset: str) -> str:
    """Table, in the processed database, that holds a dataset's rejected rows with their reasons."""
    return f"{dataset}_quarantine"


def quality_table(dataset: str) -> str:
    """Table, in the processed database, with one row per run and rule: what was checked, and how it ended."""
    return f"{dataset}_quality"


def history_table(dataset: str) -> str:
    """Table, in the processed database, with every accepted record of every delivery, if the contract wants it."""
    return f"{dataset}_history"


def forecast_table(curated_table: str) -> str:
    """Table, in the curated database, with the forecast of a curated table."""
    return f"{curated_table}_forecast"


def landing_folder(partner: str, folder: str) -> str:
    """Key prefix to which one partner uploads files of one dataset."""
    return f"{LANDING_PREFIX}{partner}/{folder}/"


def source_partner(source: str) -> str:
    """The internal partner as which a fetched source delivers."""
    return SOURCE_PARTNER + source


def source_output(source: str, what: str) -> str:
    """Stack output of one source, e.g. SourceSalesApiStateMachineArn for StateMachineArn."""
    return f"Source{''.join(word.capitalize() for word in source.split('_'))}{what}"


def is_from_outside(landing_key: str) -> bool:
    """Whether an object landed from a partner, and neither from an operator nor from a fetched source."""
    partner = partner_of(landing_key)
    return partner not in BY_OPERATORS and not partner.startswith(SOURCE_PARTNER)


def partner_of(landing_key: str) -> str:
    """The partner below whose prefix an object landed."""
    return landing_key.removeprefix(LANDING_PREFIX).partition("/")[0]


def raw_key(*, dataset: str, ingest_date: str, sha256: str, file_name: str) -> str:
    """Key of an accepted file in the raw bucket. `ingest_date` is YYYY-MM-DD in UTC."""
    return f"{dataset}/ingest_date={ingest_date}/{sha256}/{file_name}"


def audit_database(environment: str) -> str:
    """Name of the Glue database with the events of the environment's trail."""
    return f"slipway_{environment}_audit"


def trail(environment: str) -> str:
    """Name of the environment's own trail, by which policies know it."""
    return f"slipway-{environment}"


def raw_crawler(environment: str, dataset: str) -> str:
    """Name of the crawler over a dataset's files in the raw bucket, and of its classifier."""
    return f"slipway-{environment}-raw-{dataset}"


def crawler_output(dataset: str) -> str:
    """The stack output that names the crawler over a dataset's files."""
    return f"{''.join(word.capitalize() for word in dataset.split('_'))}CrawlerName"


def run_prefix(dataset: str, run_id: str) -> str:
    """Prefix in the processed bucket under which a run keeps its manifest, staged rows and results."""
    return f"{RUNS_PREFIX}{dataset}/{run_id}/"


def branch(run_id: str) -> str:
    """Draft of a table (of Iceberg: branch) on which a run works until it is published."""
    return "run_" + re.sub(r"[^0-9a-z]", "_", run_id.lower())


def stack(environment: str, part: str) -> str:
    """CloudFormation stack name, e.g. Slipway-Dev-Storage."""
    return f"Slipway-{environment.capitalize()}-{part}"
