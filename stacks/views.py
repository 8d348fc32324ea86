"""Views derived from contracts: what analysts ask first, without knowing how a dataset is stored."""

from __future__ import annotations

from contracts import naming
from contracts.model import Contract, CuratedModel
from stacks.constructs.athena_view import View, ViewColumn


def views_of(contract: Contract, environment: str) -> tuple[View, ...]:
    """The views of one dataset: its quarantine by rule, and the newest period of each curated model."""
    return (
        _quarantine_by_rule(contract, environment),
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
            "SELECT rule_id, _source_file AS source_file, count(*) AS rows_quarantined, "
            # Iceberg keeps microseconds with a zone; the columns of a view are declared with milliseconds and none.
            "CAST(min(_received_at) AS timestamp(3)) AS first_received_at, "
            "CAST(max(_received_at) AS timestamp(3)) AS last_received_at\n"
            f"FROM {database}.{table}\n"
            "CROSS JOIN UNNEST(rule_ids) AS broken (rule_id)\n"
            "GROUP BY rule_id, _source_file"
        ),
        columns=(
            ViewColumn(name="rule_id", type="string", description="Rule that the rows break"),
            ViewColumn(name="source_file", type="string", description="File that carried them"),
            ViewColumn(name="rows_quarantined", type="bigint", description="Rows that break the rule"),
            ViewColumn(name="first_received_at", type="timestamp", description="When the first of them arrived"),
            ViewColumn(name="last_received_at", type="timestamp", description="When the last of them arrived"),
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
        columns=tuple(ViewColumn(name=c.name, type=c.type, description=c.description) for c in model.columns),
    )
