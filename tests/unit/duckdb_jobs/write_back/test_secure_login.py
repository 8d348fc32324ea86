"""The database must prove who it is, and a login that is refused is no reason to wait."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from contracts.errors import DatabaseUnprepared, PermanentError, StoreAsleep
from duckdb_jobs.write_back import sessions
from duckdb_jobs.write_back.sessions import AUTHORITIES, Login, connected
from local_cloud.postgres import PREFIX, SUPERUSER, install
from tests.certificates import Certificate, certificate_for
from tests.unit.duckdb_jobs.write_back.bench import HOST


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return certificate_for(HOST)


@pytest.fixture(scope="module")
def trusted(certificate: Certificate) -> Iterator[Login]:
    """A login to a server that has the certificate, and an authority that vouches for it."""
    files = {
        "server.crt": certificate.certificate,
        "server.key": certificate.key,
        "postgresql.auto.conf": "ssl = on\n",
    }
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        server = install(Path(folder), files=files).start()
        authorities = Path(folder) / "authorities.pem"
        authorities.write_text(certificate.certificate)
        yield Login(
            host=HOST,
            port=server.port,
            database=SUPERUSER,
            username=SUPERUSER,
            password=server.password,
            authorities=authorities,
        )
        server.stop()


class Waiting:
    """A clock that only moves while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def clock(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def is_encrypted(to: Login, waiting: Waiting | None = None) -> bool:
    waits = waiting or Waiting()
    with connected(to, clock=waits.clock, sleep=waits.sleep) as session:
        [(encrypted,)] = session.rows("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
    return bool(encrypted)


def test_a_server_that_the_authorities_vouch_for_is_written_to_encrypted(trusted: Login) -> None:
    assert is_encrypted(trusted)


def test_a_server_that_another_authority_vouches_for_is_refused_at_once(trusted: Login) -> None:
    waiting = Waiting()
    with pytest.raises(
        PermanentError, match=r"refuses the connection: .*certificate verify failed"
    ):
        is_encrypted(replace(trusted, authorities=AUTHORITIES), waiting)
    assert waiting.seconds == 0


def test_a_certificate_for_another_name_is_refused(trusted: Login) -> None:
    with pytest.raises(PermanentError, match='does not match host name "localhost"'):
        is_encrypted(replace(trusted, host="localhost"))


def test_a_wrong_password_is_refused_at_once(trusted: Login) -> None:
    with pytest.raises(
        DatabaseUnprepared, match=r"does not let postgres in: .*authentication failed"
    ):
        is_encrypted(replace(trusted, password="another"))


def test_a_database_that_does_not_answer_is_waited_for_and_then_tried_again_later(
    trusted: Login,
) -> None:
    waiting = Waiting()
    with pytest.raises(StoreAsleep, match="did not answer within 120 s"):
        is_encrypted(replace(trusted, port=1), waiting)
    assert sessions.WAKE_SECONDS <= waiting.seconds < sessions.WAKE_SECONDS + 10


def test_a_database_that_wakes_up_meanwhile_is_used(trusted: Login) -> None:
    places = iter([1, 1, trusted.port])
    waiting = Waiting()
    asleep = replace(trusted, port=next(places))

    def wake(seconds: float) -> None:
        waiting.sleep(seconds)
        object.__setattr__(asleep, "port", next(places))

    with connected(asleep, clock=waiting.clock, sleep=wake) as session:
        assert session.rows("select 1") == [(1,)]
    assert waiting.seconds == 2 * sessions.PAUSE_SECONDS


def test_the_authorities_that_are_shipped_are_those_of_rds_and_good_for_years() -> None:
    found = x509.load_pem_x509_certificates(AUTHORITIES.read_bytes())
    assert len(found) > 50
    names = {each.subject.rfc4514_string() for each in found}
    assert all("Amazon RDS" in name for name in names)
    assert any("us-east-1 Root CA RSA2048 G1" in name for name in names)
    assert min(each.not_valid_after_utc.year for each in found) > 2040
    ssl.create_default_context(cafile=str(AUTHORITIES))  # OpenSSL reads them
