"""The database of a story's shop: its own connections, the secret by which a source is let in, and its writers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from local_cloud.postgres import SUPERUSER, Postgres
from local_cloud.settings import LOOPBACK
from slipway.deployment import Deployment


@dataclass(frozen=True, kw_only=True)
class ShopDatabase:
    """A server that a shop has for itself. `reader` is the role that sources log in as, with the shop's password."""

    server: Postgres
    reader: str

    def connected(self) -> psycopg.Connection[Any]:
        """A connection of the shop, which commits each statement."""
        return psycopg.connect(
            host=LOOPBACK,
            port=self.server.port,
            user=SUPERUSER,
            password=self.server.password,
            dbname=SUPERUSER,
            autocommit=True,
        )

    @contextmanager
    def let_in(self, deployment: Deployment, secret: str) -> Iterator[None]:
        """The secret that says where the shop is, as long as it is there."""
        secrets = deployment.client("secretsmanager")
        login = {
            "host": LOOPBACK,
            "port": self.server.port,
            "dbname": SUPERUSER,
            "username": self.reader,
            "password": self.server.password,
        }
        secrets.create_secret(Name=secret, SecretString=json.dumps(login))
        try:
            yield
        finally:
            secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)

    @contextmanager
    def writing(
        self, begin: Callable[[psycopg.Connection[Any]], Callable[[], None]], pause_seconds: float
    ) -> Iterator[None]:
        """Somebody writes meanwhile: `begin` gives what is done again and again, on a connection of its own.

        Raises psycopg.Error in the end if that failed: a shop that stopped writing proves nothing.
        """
        closed, failed = threading.Event(), list[psycopg.Error]()

        def work() -> None:
            try:
                with self.connected() as connection:
                    step = begin(connection)
                    while not closed.wait(pause_seconds):
                        step()
            except psycopg.Error as error:
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            closed.set()
            thread.join()
        if failed:
            raise failed[0]
