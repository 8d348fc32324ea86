"""TLS with a database: outside the environment `local` its certificate must be trusted and name the host."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sources.database.sessions import connected, login_of
from sources.errors import SourceFailed
from tests.certificates import Certificate, certificate_for
from tests.shop_database import HOST, Shop


def encrypted(
    shop: Shop, certificates: str | None, *, needs_tls: bool = True, host: str = HOST
) -> bool:
    """Whether a session with these authorities is encrypted."""
    login = login_of(shop.secret(host=host), secret="s")
    with connected(shop.source(certificates=certificates), login, needs_tls=needs_tls) as session:
        [(is_encrypted,)] = session.rows("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
    return bool(is_encrypted)


def test_a_server_that_the_authorities_vouch_for_is_read_encrypted(
    shop: Shop, certificate: Certificate
) -> None:
    assert encrypted(shop, certificate.certificate)


@pytest.mark.parametrize("authorities", [certificate_for(HOST).certificate, None])
def test_a_server_that_nobody_vouches_for_is_refused(shop: Shop, authorities: str | None) -> None:
    with pytest.raises(
        SourceFailed, match=r"connecting: .* has no TLS that can be trusted: .*certificate"
    ):
        encrypted(shop, authorities)


def test_a_certificate_of_another_host_is_refused(shop: Shop, certificate: Certificate) -> None:
    with pytest.raises(SourceFailed, match=r"localhost:.* has no TLS that can be trusted"):
        encrypted(shop, certificate.certificate, host="localhost")


@pytest.fixture
def without_tls(shop: Shop) -> Iterator[Shop]:
    switch_tls(shop, "off")
    yield shop
    switch_tls(shop, "on")


def switch_tls(shop: Shop, to: str) -> None:
    """Have the server offer TLS or not; it reads its settings again in its own time."""
    shop.run(f"alter system set ssl = {to}")
    shop.run("select pg_reload_conf()")
    for _ in range(500):
        if shop.rows("show ssl") == [(to,)]:
            return
        time.sleep(0.02)
    raise AssertionError(f"the server did not switch TLS {to}")


def test_a_server_without_tls_is_read_on_the_embedded_aws_only(without_tls: Shop) -> None:
    assert not encrypted(without_tls, None, needs_tls=False)
    with pytest.raises(SourceFailed, match="server does not support SSL"):
        encrypted(without_tls, None)


def test_a_reader_cannot_write(shop: Shop) -> None:
    login = login_of(shop.secret(), secret="s")
    with (
        connected(shop.source(), login, needs_tls=False) as session,
        session.snapshot(),
        pytest.raises(SourceFailed, match="cannot execute CREATE TABLE in a read-only"),
    ):
        session.run("create table public.t ()")
