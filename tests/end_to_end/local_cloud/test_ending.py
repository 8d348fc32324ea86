"""Nothing of the embedded AWS outlives it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local_cloud import session


def wait_until_gone(session_id: int, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while (left := session.session_processes(session_id)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def test_stop_ends_every_process_and_removes_what_it_wrote(tmp_path: Path) -> None:
    cloud = session.start(tmp_path)
    assert session.attach(tmp_path).endpoint == cloud.endpoint
    assert (cloud.path / "state.json").stat().st_mode & 0o077 == 0
    cloud.stop()
    assert session.session_processes(cloud.pid) == []
    assert sorted(item.name for item in cloud.path.iterdir()) == ["logs", "partner_key.pub"]
    with pytest.raises(session.LocalCloudFailed, match="slipway up"):
        session.attach(tmp_path)


def test_a_second_one_is_refused_in_the_same_place_and_welcome_in_another(tmp_path: Path) -> None:
    first = session.start(tmp_path / "a", owned=True)
    try:
        with pytest.raises(session.LocalCloudFailed, match="already running"):
            session.start(tmp_path / "a")
        second = session.start(tmp_path / "b", owned=True)
        assert {second.port, second.sftp_port}.isdisjoint({first.port, first.sftp_port})
        second.stop()
    finally:
        first.stop()


def test_an_owned_server_ends_with_a_killed_owner(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib; from local_cloud import session; "
        "print(session.start(pathlib.Path(sys.argv[1]), owned=True).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout
        session_id = int(owner.stdout.readline())
        assert session.session_processes(session_id) != []
        owner.kill()
    wait_until_gone(session_id)


def test_a_killed_server_is_told_from_a_running_one(tmp_path: Path) -> None:
    cloud = session.start(tmp_path, owned=True)
    os.kill(cloud.pid, signal.SIGKILL)
    wait_until_gone(cloud.pid)
    with pytest.raises(session.LocalCloudFailed, match="has ended"):
        session.attach(tmp_path)
    session.start(tmp_path, owned=True).stop()


def test_a_start_that_fails_shows_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        session, "_free_port", lambda _preferred, _others: 1
    )  # a port nobody may open
    monkeypatch.setattr(session, "START_SECONDS", 10)
    monkeypatch.setattr(session, "_spawn", _failing_server)
    with pytest.raises(session.LocalCloudFailed, match="no such adapter"):
        session.start(tmp_path)


def _failing_server(directory: Path, *_: object, **__: object) -> subprocess.Popen[bytes]:
    with (directory / "logs" / "server.log").open("wb") as log:
        command = [sys.executable, "-c", "raise SystemExit('no such adapter')"]
        return subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )


def test_two_that_start_at_once_get_ports_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        started = list(
            pool.map(lambda name: session.start(tmp_path / name, owned=True), ("one", "other"))
        )
    try:
        assert len({cloud.port for cloud in started} | {cloud.sftp_port for cloud in started}) == 4
        assert [cloud.control("denials") for cloud in started] == [
            [],
            [],
        ]  # each knows its own token
    finally:
        for cloud in started:
            cloud.stop()
