"""A database that dies, refuses, is full, changes or is cut off: told with table and step, and nothing is lost."""

from __future__ import annotations

import dataclasses
import itertools
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from local_cloud.postgres import PREFIX, Postgres, install
from sample_data import shop as sample
from sources.database.chunks import Chunk, Position, Reader
from sources.errors import CredentialsRefused, SourceFailed
from tests.shop_database import HOST, connect, make_reader
from tests.shop_database import shop as a_shop
from tests.unit.sources.database.fetching import TableBench

ORDERS = range(1, 351)  # in chunks of 100


def before_chunk(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]) -> None:
    """Have something happen once, before this chunk of an extract is read."""
    read, seen = Reader.read, list[Position]()

    def reading(self: Reader, position: Position, take: Callable[[bytes], None]) -> Chunk:
        seen.append(position)
        if len(seen) == number:
            act()
        return read(self, position, take)

    monkeypatch.setattr(Reader, "read", reading)


def refused(bench: TableBench) -> str:
    """What a fetch is refused with, which is also what is noted of it."""
    with pytest.raises(SourceFailed) as told:
        bench.fetch()
    [(status, detail), *_] = bench.noted()
    assert (status, detail) == ("failed", str(told.value))
    return str(told.value)


def is_whole(bench: TableBench) -> bool:
    bench.fetch()
    return bench.totals() == bench.shop.totals()


class Machine:
    """A server of its own, which may fail and come back."""

    def __init__(self, folder: Path) -> None:
        # What was committed before must be there after a kill.
        self.installed = install(folder, settings={"synchronous_commit": "on"})
        self.server: Postgres = self.installed.start()
        make_reader(self.server)

    def fail(self) -> None:
        self.server.kill()

    def come_back(self) -> None:
        self.server = self.installed.start()


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        made = Machine(Path(folder))
        yield made
        made.server.stop()


@pytest.fixture
def orders(machine: Machine, landing: tuple[Any, Any]) -> Iterator[TableBench]:
    s3, table = landing
    with a_shop(machine.server, "failing") as shop:
        shop.order(*ORDERS)
        yield TableBench(shop=shop, s3=s3, table=table, source=shop.source())
        shop.connection = connect(machine.server)  # the machine may have failed meanwhile


def test_a_machine_that_fails_in_the_middle_is_read_on_once_it_is_back(
    machine: Machine, orders: TableBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_chunk(monkeypatch, 3, machine.fail)
    orders.pauses = Pauses(machine.come_back)
    assert orders.fetch()["records"] == len(ORDERS)
    assert len(orders.pauses) == 1
    assert orders.merged().keys() == {str(number) for number in ORDERS}


def test_a_machine_that_stays_away_is_told_with_its_table_and_nothing_is_lost(
    machine: Machine, orders: TableBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_chunk(monkeypatch, 2, machine.fail)
    told = refused(orders)
    assert (
        f"gave up after 9 tries in a row; the last one: failing.orders, connecting: {HOST}" in told
    )
    assert "cannot be reached" in told
    assert orders.files() == {}
    machine.come_back()
    orders.shop.connection = connect(machine.server)
    assert is_whole(orders)


def test_a_database_that_lets_the_reader_in_no_more_is_told(orders: TableBench) -> None:
    orders.shop.run("alter role {reader} nologin")
    try:
        with pytest.raises(
            CredentialsRefused, match=r"failing\.orders, connecting: .* refuses the"
        ):
            orders.fetch()
    finally:
        orders.shop.run("alter role {reader} login")
    assert is_whole(orders)


def test_a_database_that_takes_no_more_connections_is_told(orders: TableBench) -> None:
    orders.shop.run("alter role {reader} connection limit 0")
    try:
        assert "failing.orders, connecting: " in (told := refused(orders))
        assert "takes no more connections" in told
    finally:
        orders.shop.run("alter role {reader} connection limit -1")
    assert is_whole(orders)


def test_a_database_without_room_for_a_query_is_told(orders: TableBench) -> None:
    orders.fetch()
    orders.shop.run("drop index {schema}.orders_updated_at_idx")  # so that it has to sort
    sample.order(
        orders.shop.connection, "failing", first=1000, count=20_000, day="2024-01-01", days=9
    )
    orders.source = dataclasses.replace(
        orders.source, postgres=dataclasses.replace(orders.source.postgres, chunk_rows=15_000)
    )
    orders.most_bytes = 10_000_000
    for setting in ("temp_file_limit = 0", "work_mem = '64kB'"):
        orders.shop.run("alter role {reader} set " + setting)
    try:
        told = refused(orders)
        assert "failing.orders, finding the end of a chunk: the database has no room for a" in told
    finally:
        orders.shop.run("alter role {reader} reset all")
    assert is_whole(orders)


def test_a_column_that_is_renamed_between_two_calls_is_told_and_read_once_it_is_back(
    orders: TableBench,
) -> None:
    left = itertools.cycle([900_000.0, 900_000.0, 0.0])
    orders.millis = lambda: next(left)
    assert orders.call("execution-1")["status"] == "more"
    orders.shop.run("alter table {orders} rename channel to sales_channel")
    orders.millis = lambda: 900_000.0
    assert "failing.orders does not fit: it has no column 'channel'" in refused(orders)
    orders.shop.run("alter table {orders} rename sales_channel to channel")
    assert is_whole(orders)


class Pauses(list[float]):
    """The pauses of a fetch; what happens in the first one."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act

    def append(self, seconds: float) -> None:
        if not self:
            self.act()
        super().append(seconds)


class Network:
    """What lies between the function and the database; it may be cut, which both sides notice."""

    def __init__(self, port: int) -> None:
        self.port, self.is_cut, self.pairs = (
            port,
            False,
            list[tuple[socket.socket, socket.socket]](),
        )
        self.door = socket.create_server((HOST, 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self.is_cut = True
        for pair in self.pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.is_cut = False

    def _accept(self) -> None:
        with suppress(OSError):  # the door is closed in the end
            while True:
                inner, _ = self.door.accept()
                if self.is_cut:
                    inner.close()
                    continue
                outer = socket.create_connection((HOST, self.port))
                self.pairs.append((inner, outer))
                for here, there in ((inner, outer), (outer, inner)):
                    threading.Thread(target=self._carry, args=(here, there), daemon=True).start()

    def _carry(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while block := here.recv(65536):
                there.sendall(block)
            there.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def network(machine: Machine, orders: TableBench) -> Iterator[Network]:
    made = Network(machine.server.port)
    orders.secret = orders.shop.secret(port=made.door.getsockname()[1])
    yield made
    made.cut()
    made.door.close()


def test_a_network_that_is_cut_in_the_middle_is_waited_for(
    orders: TableBench, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_chunk(monkeypatch, 3, network.cut)
    orders.pauses = Pauses(network.mend)
    assert orders.fetch()["records"] == len(ORDERS)
    assert orders.totals() == orders.shop.totals()


def test_a_network_that_stays_cut_is_told_and_nothing_is_lost(
    orders: TableBench, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_chunk(monkeypatch, 2, network.cut)
    told = refused(orders)
    assert "gave up after 9 tries in a row; the last one: failing.orders, connecting: " in told
    assert orders.files() == {}
    network.mend()
    assert is_whole(orders)
