"""Peak memory of the processes that the embedded AWS starts, from the kernel's own high-water marks (Linux).

VmHWM of /proc/<pid>/status is the largest resident size so far, so looking twice a second misses only what a process
adds in its last half second. Source: proc_pid_status(5).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_cloud.session import LocalCloud, session_processes

LOOK_SECONDS = 0.5
BYTES_PER_KB = 1024
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
_FUNCTION = re.compile(rb"AWS_LAMBDA_FUNCTION_NAME=([^\0]+)")


@contextmanager
def watched(cloud: LocalCloud) -> Iterator[dict[str, int]]:
    """{function name | "Spark driver (JVM)": peak bytes}, filled until the block ends."""
    peaks: dict[str, int] = {}
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(cloud.pid, peaks, ended), daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _watch(session_id: int, peaks: dict[str, int], ended: threading.Event) -> None:
    while not ended.wait(LOOK_SECONDS):
        for pid in session_processes(session_id):
            try:
                name, peak = _measured(Path(f"/proc/{pid}"))
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended since it was listed
            if name:
                peaks[name] = max(peak, peaks.get(name, 0))


def _measured(process: Path) -> tuple[str, int]:
    found = _PEAK.search((process / "status").read_text())
    peak = int(found[1]) * BYTES_PER_KB if found else 0
    if b"org.apache.spark.deploy.SparkSubmit" in (process / "cmdline").read_bytes():
        return "Spark driver (JVM)", peak
    function = _FUNCTION.search((process / "environ").read_bytes())
    return (function[1].decode() if function else ""), peak
