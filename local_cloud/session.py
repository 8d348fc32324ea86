"""Start, find and stop the embedded AWS from another process.

The server runs in a process session of its own: `stop` ends that session, so that nothing it ever started survives.
What a later command needs to find it again is in `<state>/cloud/state.json`, readable by the owner only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contracts.errors import PermanentError
from local_cloud import keys
from local_cloud.settings import LOOPBACK, REGION

ROOT = Path(__file__).resolve().parents[1]
JARS = ROOT / ".slipway" / "jars"  # of this checkout, wherever the state is
CLOUD_DIRECTORY = "cloud"
DATABASES = "rds"
PREFERRED_PORT = 4566
PREFERRED_SFTP_PORT = 2222
# Below those that systems give to outgoing connections at any moment (Linux from 32768, others from 49152).
OTHER_PORTS, OTHER_SFTP_PORTS = range(20_000, 26_000), range(26_000, 32_000)
PORTS_TRIED = 100
START_SECONDS = 120  # 3 on two free cores; a machine that does other work must not fail a start
GRACE_SECONDS = 3
Progress = Callable[[str], None]


class LocalCloudFailed(PermanentError):
    """The embedded AWS could not be started, found, deployed to or stopped."""


def silent(_message: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class LocalCloud:
    """A running embedded AWS."""

    pid: int  # also the id of its process session
    port: int
    sftp_port: int
    directory: str
    token: str

    @property
    def endpoint(self) -> str:
        """Where every AWS service answers."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def path(self) -> Path:
        """The directory that holds logs, keys and the synthesized application."""
        return Path(self.directory)

    @property
    def state_dir(self) -> Path:
        """The directory with which `attach` finds this server."""
        return self.path.parent

    @property
    def sftp_key_file(self) -> Path:
        """Private key of the partners of the local environment, made with the assembly that is deployed."""
        return self.path / keys.PRIVATE_KEY

    def environment(self) -> dict[str, str]:
        """Variables that make every AWS SDK and tool talk to this server, as its administrator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def control(self, command: str) -> Any:
        """Answer of the server to one of its operator's commands; see adapters.control."""
        request = urllib.request.Request(  # noqa: S310 -- our own loopback address
            f"{self.endpoint}/_slipway/{command}", headers={"X-Slipway-Control": self.token}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 -- as above
            return json.load(answer)

    def is_running(self) -> bool:
        """Whether any process of the session is left."""
        return bool(session_processes(self.pid))

    def stop(self) -> None:
        """End every process of the session and remove its files except the logs.

        Raises LocalCloudFailed when something survived.
        """
        for signal_number, seconds in (
            (signal.SIGTERM, GRACE_SECONDS),
            (signal.SIGKILL, GRACE_SECONDS),
        ):
            if _end_session(self.pid, signal_number, seconds):
                break
        else:
            raise LocalCloudFailed(
                f"processes {session_processes(self.pid)} survived; end them with kill -9"
            )
        (self.path / "state.json").unlink(missing_ok=True)
        _remove_databases(self.path)
        for folder in ("tmp", "spark", "redshift", keys.PRIVATE_KEY):
            target = self.path / folder
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)


def start(
    state_dir: Path,
    *,
    owned: bool = False,
    record_classes: bool = False,
    on_progress: Progress = silent,
) -> LocalCloud:
    """Start the embedded AWS and wait until it answers.

    With `owned` it also ends when this process does; `record_classes` is for `local_cloud.spark_classes`. Raises
    LocalCloudFailed when one is already running in `state_dir`, or with the end of its log when it does not come up.
    """
    directory = (state_dir / CLOUD_DIRECTORY).resolve()
    _refuse_second(directory)
    _remove_databases(directory)
    for leftover in ("tmp", "spark", "redshift", "logs"):
        shutil.rmtree(directory / leftover, ignore_errors=True)
    (directory / "logs").mkdir(parents=True)
    keys.make(directory)
    token = secrets.token_hex(32)
    started = time.monotonic()
    flags = [
        name
        for name, wanted in (("--owned", owned), ("--record-classes", record_classes))
        if wanted
    ]
    with _one_at_a_time():
        port = _free_port(PREFERRED_PORT, OTHER_PORTS)
        sftp_port = _free_port(PREFERRED_SFTP_PORT, OTHER_SFTP_PORTS)
        process = _spawn(directory, port, sftp_port, token, flags)
        cloud = LocalCloud(
            pid=process.pid, port=port, sftp_port=sftp_port, directory=str(directory), token=token
        )
        _wait_until_healthy(cloud, process)
    _write_state(cloud)
    on_progress(
        f"the embedded AWS answers at {cloud.endpoint} after {time.monotonic() - started:.1f} s"
    )
    return cloud


def attach(state_dir: Path) -> LocalCloud:
    """The embedded AWS that runs in `state_dir`. Raises LocalCloudFailed when there is none."""
    state_file = state_dir.resolve() / CLOUD_DIRECTORY / "state.json"
    if not state_file.exists():
        raise LocalCloudFailed(f"no embedded AWS runs in {state_dir}; start one with `slipway up`")
    cloud = LocalCloud(**json.loads(state_file.read_text()))
    if not cloud.is_running():
        state_file.unlink()
        raise LocalCloudFailed(
            f"the embedded AWS of {state_dir} has ended; its log is in {cloud.path / 'logs'}"
        )
    return cloud


def running(state_dir: Path) -> LocalCloud | None:
    """The embedded AWS that runs in `state_dir`, or None."""
    try:
        return attach(state_dir)
    except LocalCloudFailed:
        return None


def session_processes(session_id: int) -> list[int]:
    """Living processes of a process session, the leader included."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=True
    )
    alive = [
        int(line.split()[0]) for line in listed.stdout.splitlines() if "Z" not in line.split()[1]
    ]
    return [pid for pid in alive if _session_of(pid) == session_id]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None  # ended since it was listed


def _end_session(session_id: int, signal_number: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while left := session_processes(session_id):
        for pid in left:
            try:
                os.kill(pid, signal_number)
            except ProcessLookupError:
                continue  # ended since it was listed
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _spawn(
    directory: Path, port: int, sftp_port: int, token: str, flags: list[str]
) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "local_cloud.server",
        "--state-dir",
        str(directory),
        "--jars-dir",
        str(JARS),
    ]
    command += ["--port", str(port), "--sftp-port", str(sftp_port), *flags]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    with (directory / "logs" / "server.log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE if "--owned" in flags else subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=clean | {"SLIPWAY_CONTROL_TOKEN": token},
            start_new_session=True,
        )


def _wait_until_healthy(cloud: LocalCloud, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{cloud.endpoint}/_ministack/health", timeout=2):  # noqa: S310 -- our own loopback address
                socket.create_connection((LOOPBACK, cloud.sftp_port), timeout=2).close()
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    log = (cloud.path / "logs" / "server.log").read_text("utf-8", "replace")
    _end_session(cloud.pid, signal.SIGKILL, GRACE_SECONDS)
    raise LocalCloudFailed(
        f"the embedded AWS did not come up within {START_SECONDS} s:\n{log[-2000:]}"
    )


def _remove_databases(directory: Path) -> None:
    """What servers of PostgreSQL kept, each in a folder of its own that a link names (local_cloud/adapters/rds.py)."""
    for link in (directory / DATABASES).glob("*"):
        shutil.rmtree(link.readlink(), ignore_errors=True)
    shutil.rmtree(directory / DATABASES, ignore_errors=True)


def _refuse_second(directory: Path) -> None:
    if running(directory.parent) is not None:
        raise LocalCloudFailed(
            "an embedded AWS is already running here; stop it with `slipway down`"
        )


def _write_state(cloud: LocalCloud) -> None:
    state_file = cloud.path / "state.json"
    state_file.touch(mode=0o600)
    state_file.write_text(json.dumps(asdict(cloud), indent=1))


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two that start at once would both find the preferred ports free, and the second would talk to the first."""
    with (Path(tempfile.gettempdir()) / f"slipway-ports-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the file, however this process ends
        yield


def _free_port(preferred: int, others: range) -> int:
    for candidate in (preferred, *random.sample(others, PORTS_TRIED)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, candidate))
            except OSError:
                continue  # taken
            return candidate
    raise LocalCloudFailed(f"no free port on {LOOPBACK}")
