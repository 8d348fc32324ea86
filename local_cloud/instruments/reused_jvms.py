"""Spark's JVM, started once and used by one run after the other: for tests, whose jobs take seconds.

Half of such a job's processor time is a JVM that starts and compiles. Everything else stays each run's own: the Python
process, the role's credentials, the Spark context (local_cloud/reused_driver.py). A JVM whose run failed or was killed
is not used again. The embedded AWS that people run does not do this.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 120
LOOK_SECONDS = 0.05
wanted = False  # changed by the operator's command reuse-spark, see control
_idle: list[ReusedJvm] = []
_lock = threading.Lock()


class JvmNotStarted(Exception):
    """The JVM ended, or said nothing, before a driver could reach it."""


@dataclass(frozen=True, kw_only=True)
class ReusedJvm:
    """A JVM that waits for Python drivers; it ends when its standard input closes, so with the server."""

    process: subprocess.Popen[bytes]
    port: int
    secret: str

    def environment(self) -> dict[str, str]:
        """What lets pyspark connect to this JVM instead of starting one. Source: pyspark/java_gateway.py."""
        return {"PYSPARK_GATEWAY_PORT": str(self.port), "PYSPARK_GATEWAY_SECRET": self.secret}

    def kill(self) -> None:
        """End it now."""
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def want(answer: str) -> dict[str, bool]:
    """Let the runs that start from now on share a JVM ("yes"), or have their own again ("no")."""
    global wanted
    wanted = answer == "yes"
    return {"reused": wanted}


def take(command: list[str], environment: dict[str, str], log_path: Path) -> ReusedJvm:
    """An idle JVM, or a new one started by `command` (`spark-submit ... pyspark-shell`)."""
    with _lock:
        while _idle:
            jvm = _idle.pop()
            if jvm.process.poll() is None:
                return jvm
    return _started(command, environment, log_path)


def give_back(jvm: ReusedJvm) -> None:
    """Keep a JVM for the next run; one is enough, since runs at the same time are rare."""
    with _lock:
        if not _idle:
            _idle.append(jvm)
            return
    jvm.kill()


def _started(command: list[str], environment: dict[str, str], log_path: Path) -> ReusedJvm:
    with tempfile.TemporaryDirectory() as folder, log_path.open("ab") as log:
        told = Path(folder) / "gateway"
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={
                **environment,
                "_PYSPARK_DRIVER_CONN_INFO_PATH": str(told),
                "SPARK_CONNECT_MODE": "0",
            },
            process_group=0,
        )
        deadline = time.monotonic() + START_SECONDS
        while not told.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise JvmNotStarted(
                    f"Spark's JVM gave no address within {START_SECONDS} s; its log is {log_path}"
                )
            time.sleep(LOOK_SECONDS)
        port, length = struct.unpack_from(
            ">ii", content := told.read_bytes()
        )  # PythonGatewayServer writes and renames
    return ReusedJvm(process=process, port=port, secret=content[8 : 8 + length].decode())
