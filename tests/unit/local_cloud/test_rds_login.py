"""Users of IAM come into a database of the embedded AWS by a token that was signed for them, and by nothing else."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from local_cloud.adapters.rds.front import MEMBERS, RULES, Front
from local_cloud.adapters.rds.tokens import Tokens
from local_cloud.patching import original
from local_cloud.postgres import PREFIX, SUPERUSER, Postgres, free_port, install

HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A server with a front: `port` is the front's."""

    server: Postgres
    port: int
    database: str = SUPERUSER

    def connect(self, user: str, password: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=HOST,
            port=self.port,
            user=user,
            password=password,
            dbname=self.database,
            autocommit=True,
        )

    def token(self, user: str, *, secret: str = "test", port: int | None = None) -> str:
        client = boto3.client(
            "rds", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key=secret
        )
        return str(
            client.generate_db_auth_token(
                DBHostname=HOST, Port=port or self.port, DBUsername=user, Region="us-east-1"
            )
        )


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        sockets = Path(folder) / "sockets"
        installed = install(
            Path(folder),
            settings={"unix_socket_directories": str(sockets)},
            files={"pg_hba.conf": RULES},
            private=(sockets,),
        )
        server, port = installed.start(), free_port()
        with psycopg.connect(
            host=HOST,
            port=installed.port,
            user=SUPERUSER,
            password=installed.password,
            autocommit=True,
        ) as made:
            made.execute(f"create role {MEMBERS}; create role writer login; create role old login")
            made.execute(f"alter role old password 'secret'; grant {MEMBERS} to writer")
        front = Front(
            port=port,
            backend=sockets / f".s.PGSQL.{installed.port}",
            may_enter=Tokens(port=port, resource_id="cluster-X").may_enter,
        )
        yield Place(server=server, port=port)
        front.close()
        server.kill()


def test_a_token_lets_its_user_in(place: Place) -> None:
    with place.connect("writer", place.token("writer")) as connection:
        assert connection.execute("select current_user").fetchall() == [("writer",)]


def test_a_function_lets_itself_in_with_the_session_of_its_role(place: Place) -> None:
    """The emulator gives sessions of functions no end, and remembers none afterwards."""
    session = {
        "Arn": "arn:aws:sts::000000000000:assumed-role/writer/function",
        "UserId": "writer:function",
        "SecretAccessKey": "of-the-function",
        "SessionToken": "token-of-the-function",
        "AccountId": "000000000000",
        "PrincipalType": "AssumedRole",
    }
    original("ministack.services.sts", "register_session")("ASIAFUNCTION", session)
    client = boto3.client(
        "rds",
        region_name="us-east-1",
        aws_access_key_id="ASIAFUNCTION",
        aws_secret_access_key="of-the-function",
        aws_session_token="token-of-the-function",
    )
    token = client.generate_db_auth_token(DBHostname=HOST, Port=place.port, DBUsername="writer")
    with place.connect("writer", token) as connection:
        assert connection.execute("select current_user").fetchall() == [("writer",)]
    assert "Expiration" not in session


def test_much_passes_in_both_directions(place: Place) -> None:
    with place.connect("writer", place.token("writer")) as connection:
        connection.execute("create temporary table t (text text)")
        with connection.cursor().copy("copy t from stdin") as copy:
            for number in range(20_000):
                copy.write(f"{number} {'x' * 200}\n")
        assert connection.execute("select count(*) from t").fetchall() == [(20_000,)]
        assert len(connection.execute("select text from t").fetchall()) == 20_000


@pytest.mark.parametrize("user", ["old", SUPERUSER])
def test_a_token_of_one_user_is_no_token_of_another(place: Place, user: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        place.connect("writer", place.token(user))


def test_a_token_for_another_endpoint_is_refused(place: Place) -> None:
    with pytest.raises(psycopg.OperationalError, match="PAM authentication failed"):
        place.connect("writer", place.token("writer", port=place.port + 1))


def test_a_token_that_somebody_else_signed_is_refused(place: Place) -> None:
    with pytest.raises(psycopg.OperationalError, match="PAM authentication failed"):
        place.connect("writer", place.token("writer", secret="guessed"))


def test_a_member_of_rds_iam_has_no_password(place: Place) -> None:
    with pytest.raises(psycopg.OperationalError, match="PAM authentication failed"):
        place.connect("writer", "secret")


def test_others_have_their_password_and_no_token(place: Place) -> None:
    with place.connect("old", "secret") as connection:
        assert connection.execute("select current_user").fetchall() == [("old",)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        place.connect("old", place.token("old"))


def test_a_statement_can_be_cancelled_through_the_front(place: Place) -> None:
    with place.connect("old", "secret") as connection:
        asked = threading.Timer(0.3, connection.cancel_safe)
        asked.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("select pg_sleep(20)")
        asked.join()
