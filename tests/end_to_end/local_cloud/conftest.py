"""One embedded AWS without the application, under enforced policies, for the tests of its adapters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_cloud import session
from tests.end_to_end.local_cloud.bench import Bench
from tests.end_to_end.local_cloud.warehouse import (
    FEBRUARY,
    JANUARY,
    MAY_READ_LAKE,
    NAME,
    REDSHIFT,
    TARGET,
    USERS,
    Lake,
    Warehouse,
    deploy,
    template,
    trust,
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    cloud = session.start(tmp_path_factory.mktemp("cloud"), owned=True)
    try:
        cloud.control("enforce-policies")
        yield Bench(cloud)
    finally:
        cloud.stop()
        assert not cloud.is_running()


@pytest.fixture(scope="module")
def stack(bench: Bench) -> dict[str, str]:
    reader = bench.role("reader", REDSHIFT, *MAY_READ_LAKE)
    trust("reader", bench, f"{USERS}*")
    return deploy(bench, template(reader))


@pytest.fixture(scope="module")
def lake(bench: Bench) -> Lake:
    lake = Lake(bench)
    lake.create()
    lake.append(
        (JANUARY, "Europe", "100.10"), (JANUARY, "Asia", "0.20"), (FEBRUARY, "Europe", "3.33")
    )
    return lake


@pytest.fixture(scope="module")
def warehouse(bench: Bench, stack: dict[str, str], lake: Lake) -> Warehouse:
    assert stack["Name"] == NAME
    assert lake.bench is bench
    warehouse = Warehouse(bench)
    warehouse.done(
        "CREATE SCHEMA IF NOT EXISTS curated",
        "CREATE SCHEMA IF NOT EXISTS operations",
        "CREATE EXTERNAL SCHEMA IF NOT EXISTS lake FROM DATA CATALOG DATABASE 'lake' IAM_ROLE default",
        TARGET,
        "COMMENT ON TABLE curated.sales IS 'sales by month'",
        "CREATE TABLE IF NOT EXISTS operations.load_checks (measure varchar(20), equal_to_lake boolean NOT NULL)",
    )
    return warehouse
