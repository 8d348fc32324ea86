"""One PostgreSQL per process, a shop of its own per test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.postgres import Postgres, running
from tests.certificates import Certificate, certificate_for
from tests.shop_database import HOST, Shop, make_reader
from tests.shop_database import shop as a_shop
from tests.unit.sources.database.fetching import TableBench

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def certificate() -> Certificate:
    """The server's, for the address at which it is."""
    return certificate_for(HOST)


@pytest.fixture(scope="session")
def server(certificate: Certificate) -> Iterator[Postgres]:
    files = {
        "server.crt": certificate.certificate,
        "server.key": certificate.key,
        "postgresql.auto.conf": "ssl = on\n",  # there, so that a test may switch it off
    }
    with running(files=files) as started:
        make_reader(started)
        yield started


@pytest.fixture
def shop(server: Postgres) -> Iterator[Shop]:
    with a_shop(server, f"shop{next(_NUMBERS)}") as made:
        yield made


@pytest.fixture
def bench(shop: Shop, landing: tuple[Any, Any]) -> TableBench:
    """A fetch of the shop's table."""
    s3, table = landing
    return TableBench(shop=shop, s3=s3, table=table, source=shop.source())
