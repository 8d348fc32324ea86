"""A real PostgreSQL on this machine, for as long as somebody needs one: for tests of sources, and for `slipway up`.

Binaries from Maven Central, unpacked by `make setup` (python -m local_cloud.postgres JAR); data in a folder of its own
that goes when the server stops. It answers on loopback only, and nothing in it survives: fsync is off.
"""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import PermanentError
from local_cloud.settings import LOOPBACK
from local_cloud.unprivileged import NOBODY

ROOT = Path(__file__).resolve().parents[1]
BINARIES = ROOT / ".slipway" / "postgres"
SUPERUSER = "postgres"
PREFIX = "slipway-postgres-"
PLATFORMS = {
    ("Linux", "x86_64"): "linux-amd64",
    ("Linux", "aarch64"): "linux-arm64v8",
    ("Darwin", "x86_64"): "darwin-amd64",
    ("Darwin", "arm64"): "darwin-arm64v8",
}
PATIENCE_SECONDS = 60.0
SETTINGS = {
    "fsync": "off",  # nothing in it survives
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_connections": "40",
    "max_prepared_transactions": "10",  # 0 by default; applications with two databases use them
    "unix_socket_directories": "",
    "listen_addresses": LOOPBACK,
}


class PostgresUnusable(PermanentError):
    """There is no PostgreSQL for this machine, or it did not start."""


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server that runs. `password` is that of the superuser, who is called postgres."""

    port: int
    password: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End it in good order, whoever is still connected (a fast shutdown)."""
        if self.process.poll() is None:
            pid = (self.folder / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0]
            os.kill(int(pid), signal.SIGINT)
            self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """End it without any good-bye, as a machine that fails does."""
        self.process.terminate()  # of the lifeline, which kills the server and its processes
        self.process.wait()


def platform_name() -> str:
    """What Maven Central calls this machine. Raises PostgresUnusable for one without binaries."""
    here = (platform.system(), platform.machine())
    if here not in PLATFORMS:
        known = ", ".join(" ".join(each) for each in PLATFORMS)
        raise PostgresUnusable(
            f"no PostgreSQL binaries for {' '.join(here)}; there are for {known}"
        )
    return PLATFORMS[here]


def unpack(jar: Path, target: Path = BINARIES) -> None:
    """Unpack the archive in `jar`, readable for the user as whom the server runs."""
    shutil.rmtree(target, ignore_errors=True)
    with zipfile.ZipFile(jar) as outer:
        name = next(name for name in outer.namelist() if name.endswith(".txz"))
        with outer.open(name) as packed, tarfile.open(fileobj=packed, mode="r|xz") as archive:
            archive.extractall(target, filter="data")


@contextmanager
def running(
    *, settings: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None
) -> Iterator[Postgres]:
    """A server until the block ends; `settings` are more of postgresql.conf, `files` go into its data folder.

    Raises PostgresUnusable when `make setup` has not been run, or with the server's own words.
    """
    # In the system's folder for such things: nobody may not enter those that pytest makes.
    with tempfile.TemporaryDirectory(prefix=PREFIX) as made:
        installed = install(Path(made), settings=settings, files=files)
        server = installed.start()
        try:
            yield server
        finally:
            server.stop()


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A server that may be started, and again after it was stopped or killed: its data and its port stay."""

    folder: Path
    port: int
    password: str
    settings: Mapping[str, str]

    def start(self) -> Postgres:
        """Start it. Raises PostgresUnusable with the server's own words."""
        return _started(self)


def install(
    folder: Path,
    *,
    settings: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    private: Sequence[Path] = (),
) -> Installed:
    """An empty server in an empty folder, which nobody must be able to enter. `private` are more folders for it, which
    only its user and the superuser of the machine may enter. Raises PostgresUnusable.
    """
    if not (BINARIES / "bin" / "postgres").is_file():
        raise PostgresUnusable(f"there is no PostgreSQL in {BINARIES}; run `make setup`")
    data, password = folder / "data", secrets.token_urlsafe(12)
    (folder / "password").write_text(password, encoding="ascii")
    _hand_over(folder, folder / "password")
    _initialize(_reachable(folder), data, folder)
    for name, content in (files or {}).items():
        (data / name).write_text(content, encoding="utf-8")
        (data / name).chmod(stat.S_IRUSR | stat.S_IWUSR)
        _hand_over(data / name)
    for each in private:
        each.mkdir(mode=stat.S_IRWXU)
        _hand_over(each)
    return Installed(
        folder=folder,
        port=free_port(),
        password=password,
        settings={**SETTINGS, **(settings or {})},
    )


def _started(installed: Installed) -> Postgres:
    folder, data = installed.folder, installed.folder / "data"
    options = [
        part for name, value in installed.settings.items() for part in ("-c", f"{name}={value}")
    ]
    program = str(_reachable(folder) / "postgres")
    command = [program, "-D", str(data), "-p", str(installed.port), *options]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*_python("local_cloud.lifeline"), *_python("local_cloud.unprivileged"), *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(folder),
            cwd=ROOT,
        )
    server = Postgres(
        port=installed.port, password=installed.password, folder=folder, process=process
    )
    _await(server)
    return server


def _initialize(binaries: Path, data: Path, folder: Path) -> None:
    options = ("-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
    login = ("--auth=scram-sha-256", f"--pwfile={folder / 'password'}")
    done = subprocess.run(
        [*_python("local_cloud.unprivileged"), str(binaries / "initdb"), "-D", str(data), *options, *login],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(folder),
        cwd=ROOT,
    )  # fmt: skip
    if done.returncode:
        raise PostgresUnusable(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")


def _await(server: Postgres) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "ready to accept connections" not in server.log:
        if server.process.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise PostgresUnusable(f"PostgreSQL did not start: {server.log[-600:]}")
        time.sleep(0.02)


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(folder)}  # fmt: skip


def _reachable(folder: Path) -> Path:
    """The programs where nobody may run them: a checkout below /root is copied from."""
    parents = [BINARIES / "bin", *(BINARIES / "bin").parents]
    if os.geteuid() != 0 or all(parent.stat().st_mode & stat.S_IXOTH for parent in parents):
        return BINARIES / "bin"
    if (folder / "postgres").is_dir():
        return folder / "postgres" / "bin"
    shutil.copytree(BINARIES, folder / "postgres", symlinks=True)
    (folder / "postgres").chmod(0o755)
    return folder / "postgres" / "bin"


def _hand_over(*paths: Path) -> None:
    """To nobody, if root starts the server."""
    for path in paths if os.geteuid() == 0 else ():
        os.chown(path, NOBODY, NOBODY)


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    if sys.argv[1:]:
        unpack(Path(sys.argv[1]))
    else:
        print(platform_name())
