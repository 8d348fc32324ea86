"""What an execution was started for, read from its input; what makes no sense is refused before any write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from contracts.errors import PermanentError
from pipeline.engines import Engine
from pipeline.modes import LoadMode
from pipeline.steps import RESUMABLE, Step

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Resume:
    """Go on with the failed run `run_id` at `step`."""

    run_id: str
    step: Step


@dataclass(frozen=True, kw_only=True)
class Retraction:
    """Who wants the file `sha256` out of the tables, and why."""

    sha256: str
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """Who asks for which files of a dataset, and why. `files` are hashes; None means all that the mode takes."""

    dataset: str
    trigger: str
    execution_arn: str
    mode: LoadMode = "load"
    files: tuple[str, ...] | None = None
    resume: Resume | None = None
    retraction: Retraction | None = None
    engine: Engine | None = None
    """The engine that the operator wants; None leaves the choice to the size of the batch."""

    @property
    def is_from_operator(self) -> bool:
        """Whether somebody asked for this very work, so that it must be done or refused, never left to another run."""
        return self.mode != "load" or self.resume is not None


def parse(event: Mapping[str, Any]) -> Request:
    """`event`: {dataset, request, execution_arn}. Raises PermanentError, naming the field and its value."""
    request = event["request"]
    if not isinstance(request.get("trigger"), str):
        raise _wrong("trigger", request.get("trigger"), "'file_arrived', 'schedule' or 'operator'")
    mode, resume = request.get("mode", "load"), request.get("resume")
    if mode not in get_args(LoadMode):
        raise _wrong(
            "mode",
            mode,
            f"one of {', '.join(get_args(LoadMode))}; the others belong to the state machine of care",
        )
    if resume is not None and ("mode" in request or "files" in request):
        raise _wrong("resume", resume, "alone: a resumed run keeps its mode and its files")
    files = _files(mode, request.get("files"))
    engine = request.get("engine")
    if engine is not None and engine not in get_args(Engine):
        raise _wrong("engine", engine, f"one of {', '.join(get_args(Engine))}, or left out")
    return Request(
        dataset=event["dataset"],
        trigger=request["trigger"],
        execution_arn=event["execution_arn"],
        mode=cast(LoadMode, mode),
        files=files,
        retraction=_retraction(mode, files, request),
        resume=None if resume is None else _resume(resume),
        engine=cast(Engine | None, engine),
    )


def _files(mode: str, files: Any) -> tuple[str, ...] | None:
    if files is None:
        if mode in ("replay", "retraction"):
            raise _wrong("files", files, f"a list of hashes: a {mode} names its files")
        return None
    if mode == "load":
        raise _wrong("files", files, "left out: a load takes the files that wait")
    if not isinstance(files, list) or not files:
        raise _wrong("files", files, "a list of hashes")
    odd = [
        sha256 for sha256 in files if not isinstance(sha256, str) or not SHA256.fullmatch(sha256)
    ]
    if odd:
        raise _wrong("files", odd[0], "64 lower-case hex digits each, the whole hash")
    return tuple(dict.fromkeys(files))


def _retraction(
    mode: str, files: tuple[str, ...] | None, request: Mapping[str, Any]
) -> Retraction | None:
    if mode != "retraction":
        return None
    if files is None or len(files) != 1:
        raise _wrong("files", files, "one hash: a retraction takes out one file")
    for name in ("by", "reason"):
        if not isinstance(request.get(name), str) or not request[name].strip():
            raise _wrong(name, request.get(name), "who retracts the file, and why, in words")
    return Retraction(sha256=files[0], by=request["by"], reason=request["reason"])


def _resume(resume: Any) -> Resume:
    run_id, step = (
        (resume.get("run_id"), resume.get("from")) if isinstance(resume, dict) else (None, None)
    )
    if not isinstance(run_id, str) or not isinstance(step, str) or step not in RESUMABLE:
        wanted = f"{{'run_id': ..., 'from': one of {', '.join(RESUMABLE)}}}"
        raise _wrong("resume", resume, wanted)
    return Resume(run_id=run_id, step=RESUMABLE[step])


def _wrong(field: str, value: object, wanted: str) -> PermanentError:
    return PermanentError(f"the execution's input has {field} {value!r}; it must be {wanted}")
