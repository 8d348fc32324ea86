"""Ask Athena through awswrangler, in the deployment's workgroup."""

from __future__ import annotations

import re
from numbers import Number
from typing import TYPE_CHECKING

from contracts import naming
from contracts.errors import PermanentError
from slipway.deployment import Deployment

if TYPE_CHECKING:
    import pandas

ZONE_REFERENCE = re.compile(r"\b(raw|processed|curated)\.(?=[A-Za-z_\"])")


class QueryFailed(PermanentError):
    """Athena refused or failed a query."""


def with_databases(sql: str, environment: str) -> str:
    """Spell out the zone shorthands: `curated.t` becomes `slipway_<environment>_curated.t`."""
    return ZONE_REFERENCE.sub(lambda found: naming.database(environment, found.group(1)) + ".", sql)  # type: ignore[arg-type] # the pattern admits only zones


def query(deployment: Deployment, sql: str) -> pandas.DataFrame:
    """Rows of one SELECT, with decimals as Decimal.

    Raises QueryFailed with Athena's own reason.
    """
    import awswrangler

    try:
        return awswrangler.athena.read_sql_query(
            sql=with_databases(sql, deployment.environment),
            database=naming.database(deployment.environment, "curated"),
            workgroup=deployment.output("WorkgroupName"),
            ctas_approach=False,
            unload_approach=False,
        )
    except awswrangler.exceptions.QueryFailed as error:
        raise QueryFailed(str(error)) from error


def is_figure(values: pandas.Series) -> bool:
    """Whether a column holds numbers, Decimal included."""
    present = values.dropna()
    return len(present) > 0 and isinstance(present.iloc[0], Number)
