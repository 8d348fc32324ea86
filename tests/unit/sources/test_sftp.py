"""A folder of an SFTP server as a source: each file once, when nobody writes to it any more; and how it misbehaves."""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncssh
import paramiko
import pytest

from lambdas.fetch_source import landing
from sources import model
from sources import sftp as clients
from sources.errors import CredentialsRefused, SourceFailed
from tests.sftp_server import LOOPBACK, PASSWORD, USER, age, cut, fails, host_key, public_line
from tests.unit.lambdas.conftest import Crash
from tests.unit.sources.fetching import SftpBench

LARGE = landing.PART_BYTES * 2 + 1_000
LANDS_IN = "partners/source-sales_sftp/sales_records/"


def test_every_file_is_delivered_once_as_it_is_and_says_where_it_came_from(sftp: SftpBench) -> None:
    sftp.server.put("b.csv", "two\r\n")
    sftp.server.put("a.csv", "one", age_seconds=60)
    answer = sftp.fetch()
    assert (answer["status"], answer["detail"]) == ("delivered", f"2 files below {LANDS_IN}")
    assert sftp.versions() == ["two\r\n", "one"]  # the oldest first
    [key] = [key for key in sftp.delivered() if key.endswith("a.csv")]
    metadata = sftp.s3.head_object(Bucket="landing", Key=key)["Metadata"]
    assert metadata.pop("fetch-id").startswith("20261129T023000-")
    assert metadata == {
        "source": "sales_sftp",
        "fetched-from": f"sftp://{LOOPBACK}:{sftp.server.port}/outgoing/a.csv",
        "fetch-started": "2026-11-29T02:30:00.000000Z",
        "source-version": "3 1794999940",
        "source-modified": "2026-11-18T11:05:40+00:00",
        "source-bytes": "3",
    }
    assert sftp.fetch()["status"] == "unchanged"
    assert len(sftp.versions()) == 2
    assert sftp.server.logins == 2  # one a call
    assert sftp.pauses == [10]  # only before files that are new


def test_a_file_that_was_written_again_is_delivered_again(sftp: SftpBench) -> None:
    sftp.server.put("a.csv", "one")
    sftp.fetch()
    sftp.server.put("a.csv", "two", age_seconds=60)
    sftp.fetch()
    assert sftp.versions() == ["one", "two"]


def test_only_files_that_the_description_wants_are_taken(sftp: SftpBench) -> None:
    for name in ("a.csv", "b.txt", ".csv.part", "c.CSV"):
        sftp.server.put(name, name)
    (sftp.server.folder / "folder.csv").mkdir()
    os.symlink("/etc/passwd", sftp.server.folder / "link.csv")
    sftp.fetch()
    assert sftp.names() == {"a.csv": "a.csv"}


def test_names_with_odd_characters_and_an_empty_file(sftp: SftpBench) -> None:
    for place, name in enumerate(["ü ber.csv", "a+b%20&c.csv", 'q"\n\t.csv', "-rf.csv"]):
        sftp.server.put(name, str(place))
    sftp.server.put("empty.csv", "")
    sftp.fetch()
    expected = {"__ber.csv": "0", "a_b_20_c.csv": "1", "q___.csv": "2", "-rf.csv": "3"}
    assert sftp.names() == {**expected, "empty.csv": ""}


def test_a_large_file_goes_on_in_the_next_call(sftp: SftpBench) -> None:
    content = (bytes(n % 127 for n in range(1_001)) * (LARGE // 1_001)).decode()
    sftp.server.put("a.csv", content)
    left: Iterator[float] = iter([600_000.0, 600_000.0, 600_000.0, 0.0] * 100)
    sftp.millis = lambda: next(left)
    assert sftp.fetch()["status"] == "delivered"
    assert len(sftp.waits) >= 1
    assert sftp.only() == content
    assert sftp.server.asked.count("open /outgoing/a.csv") == 3  # no part was asked for twice


WRITES = 10


@pytest.mark.parametrize("writes", range(1, WRITES + 2))
def test_a_call_that_is_killed_after_any_write_delivers_and_archives_once(
    sftp: SftpBench, writes: int
) -> None:
    archiving(sftp)
    sftp.server.put("a.csv", "one")
    sftp.server.put("b.csv", "two", age_seconds=60)
    sftp.fuse.writes = writes
    crashed = 0
    try:
        answer = sftp.call("one")
    except Crash:
        crashed, sftp.fuse.writes = 1, None
        answer = sftp.call("one")
    sftp.fuse.writes = None
    assert crashed == int(writes <= WRITES)
    assert answer["status"] == "delivered"
    assert sftp.versions() == ["one", "two"]
    assert sorted(os.listdir(sftp.server.folder)) == ["done"]
    assert sorted(os.listdir(sftp.server.folder / "done")) == ["a.csv", "b.csv"]


def archiving(sftp: SftpBench) -> None:
    (sftp.server.folder / "done").mkdir()
    sftp.describe(archive_folder="/outgoing/done")


def test_a_file_of_a_name_that_the_archive_has_gets_its_time(sftp: SftpBench) -> None:
    archiving(sftp)
    for age_seconds, content in ((300, "one"), (180, "two"), (60, "two!")):
        sftp.server.put("a.csv", content, age_seconds=age_seconds)
        sftp.fetch()
    kept = sorted(os.listdir(sftp.server.folder / "done"))
    assert kept == ["a.csv", "a.csv.20261118T110340Z", "a.csv.20261118T110540Z"]
    assert sftp.versions() == ["one", "two", "two!"]


def test_an_archive_that_is_not_there_is_one_message_and_the_next_fetch_moves_what_was_left(
    sftp: SftpBench,
) -> None:
    sftp.describe(archive_folder="/outgoing/done")
    sftp.server.put("a.csv", "one")
    with pytest.raises(
        SourceFailed, match=r"'/outgoing/a\.csv' was delivered, but cannot be moved"
    ):
        sftp.fetch()
    assert sftp.versions() == ["one"]
    (sftp.server.folder / "done").mkdir()
    assert sftp.fetch()["status"] == "unchanged"
    assert os.listdir(sftp.server.folder) == ["done"]
    assert sftp.versions() == ["one"]


@contextmanager
def meanwhile(sftp: SftpBench, act: Callable[[], object]) -> Iterator[None]:
    """`act` happens while the fetch waits whether files still grow."""
    pause = sftp._pause

    def pausing(seconds: float) -> None:
        pause(seconds)
        act()

    sftp._pause = pausing  # type: ignore[method-assign]
    yield
    sftp._pause = pause  # type: ignore[method-assign]


def test_a_file_that_still_grows_is_left_for_the_next_fetch(sftp: SftpBench) -> None:
    sftp.server.put("a.csv", "on")
    sftp.server.put("b.csv", "b")
    with meanwhile(sftp, lambda: sftp.server.put("a.csv", "one")):
        answer = sftp.fetch()
    assert answer["detail"] == (
        f"1 file below {LANDS_IN}, 1 file left for the next fetch: '/outgoing/a.csv' is still written to, or has"
        " vanished"
    )
    assert sftp.versions() == ["b"]
    sftp.fetch()
    assert sftp.versions() == ["b", "one"]


def test_a_file_that_is_only_touched_counts_as_written_to(sftp: SftpBench) -> None:
    path = sftp.server.put("a.csv", "one")
    with meanwhile(sftp, lambda: age(path, 10)):
        assert sftp.fetch()["status"] == "unchanged"
    assert sftp.delivered() == {}


def test_a_file_that_vanishes_between_list_and_get_is_none(sftp: SftpBench) -> None:
    path = sftp.server.put("a.csv", "one")
    sftp.server.before("open", lambda _path: path.unlink())
    answer = sftp.fetch()
    assert (answer["status"], sftp.delivered()) == ("unchanged", {})
    assert "'/outgoing/a.csv' has vanished since it was listed" in answer["detail"]


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_file_that_changes_while_it_is_read_leaves_nothing(sftp: SftpBench, size: int) -> None:
    sftp.server.put("a.csv", "x" * size)
    change = lambda _path: sftp.server.put("a.csv", "y" * size, age_seconds=60)  # noqa: E731
    sftp.server.before("read", change)
    answer = sftp.fetch()
    assert "'/outgoing/a.csv' has changed since it was listed" in answer["detail"]
    assert "Uploads" not in sftp.s3.list_multipart_uploads(Bucket="landing")
    sftp.fetch()
    assert sftp.versions() == ["y" * size]


# What passes by itself: the operation that it meets, and what happens there.
PASSING: dict[str, tuple[str, Callable[[str], object]]] = {
    "cut while it logs in": ("readdir", cut),
    "cut before a file": ("open", cut),
    "cut in the middle of a file": ("read", cut),
    "cut after a file": ("stat", cut),
    "a failure without a name": ("read", fails(asyncssh.SFTPFailure("try again"))),
    "a list that fails": ("readdir", fails(asyncssh.SFTPFailure("busy"))),
    "no answer in time": ("read", lambda _path: time.sleep(2.5)),
    "a file that is said to have ended": ("read", fails(asyncssh.SFTPEOFError())),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_tried_again(sftp: SftpBench, name: str) -> None:
    content = "x" * 100_000
    sftp.server.put("a.csv", content)
    operation, act = PASSING[name]
    sftp.server.before(operation, act)
    assert sftp.fetch()["status"] == "delivered"
    assert sftp.versions() == [content]
    assert sftp.pauses in ([10, 2], [2, 10])  # whether it grows is not asked again


def test_a_file_that_is_forbidden_holds_up_no_other(sftp: SftpBench) -> None:
    sftp.server.put("a.csv", "one")
    sftp.server.put("b.csv", "two", age_seconds=60)
    sftp.server.before("open", fails(asyncssh.SFTPPermissionDenied("no")))
    with pytest.raises(SourceFailed, match=r"^1 file failed: '/outgoing/a\.csv' may not be read"):
        sftp.fetch()
    assert sftp.versions() == ["two"]
    sftp.fetch()
    assert sftp.versions() == ["two", "one"]


def test_a_folder_that_is_not_there_or_forbidden_is_named(sftp: SftpBench) -> None:
    sftp.describe(folder="/incoming")
    with pytest.raises(SourceFailed, match=r"there is no folder sftp://.*/incoming; correct"):
        sftp.fetch()
    sftp.describe(folder="/outgoing")
    sftp.server.before("readdir", fails(asyncssh.SFTPPermissionDenied("no")))
    with pytest.raises(CredentialsRefused, match=r"/outgoing may not be listed; ask its owner"):
        sftp.fetch()


def test_a_gigantic_folder_is_one_message(sftp: SftpBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "MOST_LISTED", 150)
    for number in range(200):
        sftp.server.put(f"{number}.csv", "x")
    with pytest.raises(SourceFailed, match=r"has more than 150 names; have old files moved"):
        sftp.fetch()


def test_a_name_that_is_no_text_is_one_message(sftp: SftpBench) -> None:
    (sftp.server.folder / os.fsdecode(b"\xe9.csv")).write_text("x")
    with pytest.raises(SourceFailed, match=r"lists a name that is not UTF-8: .*; have it renamed"):
        sftp.fetch()


def test_a_host_key_that_is_not_pinned_is_told_before_anything_is_sent(sftp: SftpBench) -> None:
    sftp.describe(host_keys=(public_line(host_key("other")),))
    with pytest.raises(SourceFailed, match=r"shows the host key ssh-ed25519 SHA256:.*does not pin"):
        sftp.fetch()
    assert sftp.server.asked == []
    sftp.describe(host_keys=(public_line(host_key("other")), public_line(host_key())))
    assert sftp.fetch()["status"] == "unchanged"


def test_a_server_that_has_no_key_of_a_pinned_kind_is_told(sftp: SftpBench) -> None:
    key = base64.b64encode(b"\x00\x00\x00\x07ssh-rsa").decode()
    sftp.describe(host_keys=(f"ssh-rsa {key}",))
    with pytest.raises(
        SourceFailed, match=r"no host key of a kind that sftp\.hostKeys pins \(ssh-"
    ):
        sftp.fetch()


SECRETS: dict[str, tuple[str, str]] = {
    "a wrong password": (
        json.dumps({"username": USER, "password": "wrong"}),
        r"refuses the credentials; renew the secret 'slipway/sales_sftp'",
    ),
    "a wrong user": (json.dumps({"username": "root", "password": PASSWORD}), "refuses the cred"),
    "a key where a password is wanted": (
        json.dumps({"username": USER, "private_key": host_key().export_private_key().decode()}),
        "refuses the credentials",
    ),
    "no key": (
        json.dumps({"username": USER, "private_key": "hello"}),
        r"the private_key of secret 'slipway/sales_sftp' cannot be read; it must be one of",
    ),
    "no user": (json.dumps({"password": PASSWORD}), r"must be a JSON object like \{\"username\""),
    "no password": (json.dumps({"username": USER}), "must be a JSON object like"),
    "no JSON": (f"{USER}:{PASSWORD}", "must be a JSON object like"),
    "a list": ("[1]", "must be a JSON object like"),
}


@pytest.mark.parametrize("name", SECRETS)
def test_credentials_that_do_not_do_are_one_message_without_them(
    sftp: SftpBench, name: str
) -> None:
    sftp.secret, message = SECRETS[name]
    with pytest.raises(SourceFailed, match=message) as caught:
        sftp.fetch()
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("passphrase", [None, "a passphrase"])
def test_a_key_lets_in_with_or_without_a_passphrase(
    sftp: SftpBench, passphrase: str | None
) -> None:
    key, text = paramiko.ECDSAKey.generate(), io.StringIO()
    key.write_private_key(text, password=passphrase)
    sftp.server.keys, sftp.server.password = (f"{key.get_name()} {key.get_base64()}",), ""
    secret = {"username": USER, "private_key": text.getvalue()}
    sftp.secret = json.dumps({**secret, **({"passphrase": passphrase} if passphrase else {})})
    sftp.server.put("a.csv", "one")
    assert sftp.fetch()["status"] == "delivered"


def test_a_server_of_this_machine_is_asked_in_the_environment_local_only(sftp: SftpBench) -> None:
    sftp.loopback = False
    with pytest.raises(SourceFailed, match=r"is at 127\.0\.0\.1, which is this machine's own"):
        sftp.fetch()
    assert sftp.server.logins == 0


@pytest.mark.parametrize("host", ["10.1.2.3", "169.254.169.254", "192.168.0.1", "::ffff:10.0.0.1"])
def test_private_and_link_local_addresses_are_never_connected_to(
    sftp: SftpBench, host: str
) -> None:
    sftp.describe(host=host)
    with pytest.raises(SourceFailed, match=r"is at .*; only public addresses are fetched from"):
        sftp.fetch()


def test_a_server_that_is_not_there_is_given_up_with_one_message(sftp: SftpBench) -> None:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        sftp.describe(port=free.getsockname()[1])
        with pytest.raises(
            SourceFailed, match=r"gave up after 9 tries .* cannot be reached at 127"
        ):
            sftp.fetch()


@contextmanager
def talking(*words: bytes) -> Iterator[int]:
    """A port where somebody says that and then nothing."""
    with socket.create_server((LOOPBACK, 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                for word in words:
                    connection.sendall(word)
                kept.append(connection)

        kept: list[Any] = []
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()


@pytest.mark.parametrize("words", [(), (b"HTTP/1.1 400 Bad Request\r\n\r\n",), (b"SSH-2.0-x\r\n",)])
def test_a_port_where_no_ssh_is_spoken_is_given_up_with_one_message(
    sftp: SftpBench, words: tuple[bytes, ...]
) -> None:
    sftp.limits = clients.Limits(connect_seconds=0.2, answer_seconds=0.2)
    with talking(*words) as port:
        sftp.describe(port=port)
        with pytest.raises(
            SourceFailed, match=r"gave up after 9 tries in a row; the last one: 127"
        ):
            sftp.fetch()


def test_a_part_that_takes_too_long_is_cut(sftp: SftpBench) -> None:
    sftp.limits = clients.Limits(request_seconds=0.2)
    sftp.server.put("a.csv", "one")
    sftp.server.before("read", *[lambda _path: time.sleep(0.3)] * 20)
    with pytest.raises(SourceFailed, match=r"gave up .*took more than 0\.2 s for one part"):
        sftp.fetch()


def test_a_source_may_be_on_another_server_in_an_environment() -> None:
    source = model.load("sales_sftp")
    moved = model.at(source, "sftp://127.0.0.1:8641/elsewhere")
    assert isinstance(moved, model.SftpSource)
    assert (moved.sftp.host, moved.sftp.port, moved.sftp.folder) == (
        "127.0.0.1",
        8641,
        "/elsewhere",
    )
    assert moved.url == "sftp://127.0.0.1:8641/elsewhere"
    default = model.at(source, "sftp://sandbox.example.com")
    assert default.url == "sftp://sandbox.example.com:22/"
    assert (moved.secret, moved.dataset) == ("slipway/sales_sftp", "sales_records")
