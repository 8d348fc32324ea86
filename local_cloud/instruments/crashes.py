"""Kills a function's worker or a job's Spark with SIGKILL at a chosen call to AWS: the operator's tool for experiments.

The call itself is still carried out. Its caller is gone before the answer comes, which is the crash that hurts most:
the write happened and nobody knows. Each armed crash strikes once.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_cloud.patching import original

logger = logging.getLogger("slipway.crashes")


@dataclass(kw_only=True)
class Armed:
    """A crash that waits: at the call number `calls_left` of `action` by `role`."""

    role: str
    action: str
    calls_left: int


# Each gives the process groups that run the jobs of a role; adapters that start jobs add themselves.
job_processes: list[Callable[[str], list[int]]] = []
_armed: list[Armed] = []
_struck: list[dict[str, Any]] = []
_lock = threading.Lock()


def arm(role: str, action: str, call: str) -> dict[str, Any]:
    """Let the `call`-th next call of `action` by `role` (1 is the very next) be its process's last."""
    with _lock:
        _armed.append(Armed(role=role, action=action, calls_left=int(call)))
    return {"armed": f"{role} {action} {call}"}


def disarm() -> dict[str, Any]:
    """Forget every armed crash; the answer names those that had not struck."""
    with _lock:
        waiting = [f"{crash.role} {crash.action}" for crash in _armed]
        _armed.clear()
    return {"not_struck": waiting}


def struck() -> list[dict[str, Any]]:
    """All crashes so far: role, action, processes killed."""
    return _struck


def strike(role: str, action: str) -> None:
    """Called at every allowed call; kills when it is the one."""
    with _lock:
        crash = next(
            (crash for crash in _armed if (crash.role, crash.action) == (role, action)), None
        )
        if crash is None:
            return
        crash.calls_left -= 1
        if crash.calls_left > 0:
            return
        _armed.remove(crash)
    killed = [*_kill_workers(role), *_kill_spark(role)]
    logger.warning("crash: %s at %s, killed %s", role, action, killed)
    _struck.append({"role": role, "action": action, "killed": killed})


def _kill_workers(role: str) -> list[int]:
    """Kill the busy worker processes of the functions that have this role."""
    runtime = "ministack.core.lambda_runtime"
    workers = [worker for pool in list(original(runtime, "_workers").values()) for worker in pool]
    killed = []
    for worker in workers:
        process = worker._proc
        if (
            worker.in_use
            and process is not None
            and worker.config.get("Role", "").endswith(f"/{role}")
        ):
            process.kill()
            killed.append(int(process.pid))
    return killed


def _kill_spark(role: str) -> list[int]:
    killed = []
    for group in (group for groups in job_processes for group in groups(role)):
        os.killpg(group, signal.SIGKILL)
        killed.append(group)
    return killed
