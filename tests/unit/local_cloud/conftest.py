"""A warehouse of two tables for the tests of its SQL, and short ways to ask it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_cloud.adapters.redshift.engine import Engine, Session
from tests.unit.local_cloud.warehouse import SOMEBODY, STAGED, TABLES, run


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("redshift")
    engine = Engine(
        file=folder / "n.duckdb", endpoint="", default_role=lambda: None, user_arns=lambda: ""
    )
    with engine.session(SOMEBODY) as session:
        for sql in TABLES:
            run(session, sql)
    yield engine
    engine.delete()
    assert list(folder.iterdir()) == []


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A batch that is never committed, so that every test finds the tables as they were made."""
    with engine.session(SOMEBODY) as session:
        session.connection.execute("BEGIN")
        for sql in STAGED:
            run(session, sql)
        yield session
