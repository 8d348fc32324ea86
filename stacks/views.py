"""Views derived from contracts: what analysts ask first, without knowing how a dataset is stored."""

from __future__ import annotations

from contracts import naming
from contracts.model import Contract, CuratedModel
from rows.columns import RECEIVED_AT, RULE_IDS, SOURCE_FILE
from stacks.constructs.athena_view import View, ViewColumn


def views_of(contract: Contract, environment: str) -> tuple[View, ...]:
    """The views of one dataset: quarantine by rule, what its last run checked, newest period of each curated model."""
    return (
        _quarantine_by_rule(contract, environment),
        _last_checks(contract, environment),
        *(_latest_period(model, environment) for model in contract.curated),
    )


def _quarantine_by_rule(contract: Contract, environment: str) -> View:
    database = naming.database(environment, "processed")
    table = naming.quarantine_table(contract.dataset)
    return View(
        name=f"{table}_by_rule",
        database=database,
        description=f"Rows of {contract.dataset} in quarantine, by rule and file",
        sql=(
            f"SELECT rule_id, {SOURCE_FILE} AS source_file, count(*) AS rows_quarantined, "
            # Iceberg keeps microseconds with a zone; the columns of a view are declared with milliseconds and none.
            f"CAST(min({RECEIVED_AT}) AS timestamp(3)) AS first_received_at, "
            f"CAST(max({RECEIVED_AT}) AS timestamp(3)) AS last_received_at\n"
            f"FROM {database}.{table}\n"
            f"CROSS JOIN UNNEST({RULE_IDS}) AS broken (rule_id)\n"
            f"GROUP BY rule_id, {SOURCE_FILE}"
        ),
        columns=(
            ViewColumn(name="rule_id", type="string", description="Rule that the rows break"),
            ViewColumn(name="source_file", type="string", description="File that carried them"),
            ViewColumn(
                name="rows_quarantined", type="bigint", description="Rows that break the rule"
            ),
            ViewColumn(
                name="first_received_at",
                type="timestamp",
                description="When the first of them arrived",
            ),
            ViewColumn(
                name="last_received_at",
                type="timestamp",
                description="When the last of them arrived",
            ),
        ),
    )


def _last_checks(contract: Contract, environment: str) -> View:
    database = naming.database(environment, "processed")
    table = naming.quality_table(contract.dataset)
    newest = f"(SELECT max(run_id) FROM {database}.{table})"  # noqa: S608 - names from a validated contract
    return View(
        name=f"{table}_latest",
        database=database,
        description=f"Every rule of {contract.dataset} in the last run that was checked, published or not",
        sql=(
            "SELECT rule_id, scope, action, status, rows_checked, rows_failed, measured, expected, contract_version, "
            f"run_id, CAST(checked_at AS timestamp(3)) AS checked_at\nFROM {database}.{table}\n"
            f"WHERE run_id = {newest}"  # a run's id begins with its time
        ),
        columns=(
            ViewColumn(
                name="rule_id", type="string", description="Rule, or check that a column implies"
            ),
            ViewColumn(name="scope", type="string", description="row or table"),
            ViewColumn(name="action", type="string", description="warn, quarantine or halt"),
            ViewColumn(
                name="status",
                type="string",
                description="passed, failed, or unproven: no row to check",
            ),
            ViewColumn(
                name="rows_checked", type="bigint", description="Rows that the rule could be put to"
            ),
            ViewColumn(name="rows_failed", type="bigint", description="Rows that break it"),
            ViewColumn(name="measured", type="string", description="What was found"),
            ViewColumn(name="expected", type="string", description="What the contract asks for"),
            ViewColumn(
                name="contract_version", type="string", description="Version of the contract"
            ),
            ViewColumn(name="run_id", type="string", description="The run that checked"),
            ViewColumn(name="checked_at", type="timestamp", description="When, in UTC"),
        ),
    )


def _latest_period(model: CuratedModel, environment: str) -> View:
    database = naming.database(environment, "curated")
    names = ", ".join(column.name for column in model.columns)
    return View(
        name=f"{model.name}_latest",
        database=database,
        description=f"The newest {model.period} of {model.name}",
        sql=(
            f"SELECT {names}\nFROM {database}.{model.name}\n"  # noqa: S608 - names from a validated contract
            f"WHERE {model.period_column} = (SELECT max({model.period_column}) FROM {database}.{model.name})"
        ),
        columns=tuple(
            ViewColumn(name=c.name, type=c.type, description=c.description) for c in model.columns
        ),
    )
