"""Runs a task in a process of its own and takes time, processor time and peak memory of its process tree (Linux)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAMPLE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Measured:
    """`seconds` is the whole process, start of Python and Spark included; `found` what the task printed last.

    `processor_seconds` are of all its processes, as far as a sample saw them: they say the same on a busy machine.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int
    found: dict[str, Any]


def measure(module: str, *words: str) -> Measured:
    """Run `python -m benchmarks.MODULE WORDS`.

    Raises RuntimeError with the end of its output when it fails.
    """
    started = time.monotonic()
    command = [sys.executable, "-m", f"benchmarks.{module}", *words]
    with tempfile.TemporaryFile(
        "w+"
    ) as log:  # a pipe that nobody reads would stop a talkative process
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True)
        peak, processor = 0, dict[int, float]()
        while process.poll() is None:
            tree = list(_tree(process.pid))
            peak = max(peak, sum(map(_resident_bytes, tree)))
            processor |= {pid: took for pid in tree if (took := _processor_seconds(pid))}
            time.sleep(SAMPLE_SECONDS)
        seconds = time.monotonic() - started
        log.seek(0)
        output = log.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{output}")
    return Measured(
        seconds=seconds,
        processor_seconds=sum(processor.values()),
        peak_bytes=peak,
        found=json.loads(output.strip().splitlines()[-1]),
    )


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        texts = [children.read_text() for children in Path(f"/proc/{pid}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):  # a thread or the process has ended meanwhile
        return
    for child in " ".join(texts).split():
        yield from _tree(int(child))


def _processor_seconds(pid: int) -> float:
    """In user and system mode. Source: proc(5), /proc/PID/stat, fields 14 and 15."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the process has ended meanwhile
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the process has ended meanwhile
        return 0
    lines = (line.split() for line in status.splitlines() if line.startswith("VmRSS:"))
    return sum(int(words[1]) * 1024 for words in lines)
