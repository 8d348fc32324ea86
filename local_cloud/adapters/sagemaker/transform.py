"""CreateTransformJob: input cut into requests, answered by the model's own script, put together beside its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local_cloud.adapters import roles
from local_cloud.adapters.sagemaker import jobs, requests
from local_cloud.adapters.sagemaker.files import JobFiles, files_of
from local_cloud.adapters.sagemaker.jobs import Job
from local_cloud.adapters.sagemaker.requests import Request, invalid
from local_cloud.settings import ServerSettings

DEFAULT_PAYLOAD_MB = 6  # Source: SageMaker API reference, CreateTransformJob, MaxPayloadInMB
LONGEST_SECONDS = (
    5 * 24 * 60 * 60
)  # Source: SageMaker AI endpoints and quotas, longest run time of a transform job


def create(settings: ServerSettings, given: Request) -> dict[str, Any]:
    """Begin a job. Raises Refused."""
    _check(given)
    model = jobs.model_named(str(given.get("ModelName")))

    def work(job: Job, session: roles.Session) -> None:
        _transform(settings, job, session, model)

    role = str(model["ExecutionRoleArn"])
    return {"TransformJobArn": jobs.started(settings, "Transform", given, role, work).arn}


def _check(given: Request) -> None:
    requests.require_known("CreateTransformJob", given)
    for field in ("TransformInput", "TransformOutput"):
        requests.require_known(field, given.get(field) or {})
    requests.require_one_instance("TransformResources", given.get("TransformResources") or {})
    requests.source_of((given.get("TransformInput") or {}).get("DataSource") or {})
    requests.place_of((given.get("TransformOutput") or {}).get("S3OutputPath"))
    expected = {
        "BatchStrategy": (given.get("BatchStrategy"), ("MultiRecord",)),
        "SplitType": ((given.get("TransformInput") or {}).get("SplitType"), ("Line",)),
        "AssembleWith": ((given.get("TransformOutput") or {}).get("AssembleWith"), ("Line",)),
    }
    for field, (value, known) in expected.items():
        if value not in known:
            raise invalid(f"{field} is {value!r}; the embedded AWS knows {', '.join(known)}")


def _transform(
    settings: ServerSettings, job: Job, session: roles.Session, model: dict[str, Any]
) -> None:
    given, container, primary = job.record, job.container, model["PrimaryContainer"]
    files = files_of(settings, session, given["TransformOutput"].get("KmsKeyId"))
    container.lay_out([], {})
    files.unpack(primary["ModelDataUrl"], container.model)
    container.unpack_code(primary["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"])
    bucket, prefix = requests.source_of(given["TransformInput"]["DataSource"])
    inputs = container.root / "input" / "data"
    for file in files.bring(bucket, prefix, inputs):
        answers = _answered(job, file, primary["Environment"])
        if container.stopped.is_set():
            return
        _deliver(files, given, file.relative_to(inputs), answers)


def _answered(job: Job, file: Path, environment: dict[str, str]) -> list[bytes]:
    """What the script says to each request of a file. Raises Refused, with the end of its log, where it fails."""
    container, given = job.container, job.record
    folders = [container.root / name for name in ("requests", "responses")]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
    largest = int(given.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB)) * 1024 * 1024
    for number, body in enumerate(payloads(file.read_bytes(), largest)):
        (folders[0] / f"{number:06}").write_bytes(body)
    types = (str(given["TransformInput"]["ContentType"]), str(given["TransformOutput"]["Accept"]))
    code = container.serve(environment, types, LONGEST_SECONDS)
    if code and not container.stopped.is_set():
        raise invalid(f"See job logs for more information: {container.failure_reason(code)}")
    return [answer.read_bytes() for answer in sorted(folders[1].iterdir())]


def payloads(body: bytes, largest: int) -> Iterator[bytes]:
    """Whole lines, as many as fit into a request. Raises Refused for a line that fits into none."""
    some: list[bytes] = []
    size = 0
    for line in body.splitlines(keepends=True):
        if len(line) > largest:
            raise invalid(f"a line of {len(line):,} bytes is more than MaxPayloadInMB")
        if some and size + len(line) > largest:
            yield b"".join(some)
            some, size = [], 0
        some.append(line)
        size += len(line)
    if some:
        yield b"".join(some)


def _deliver(files: JobFiles, given: Request, name: Path, answers: list[bytes]) -> None:
    """Beside the input's name with .out; Line puts a line feed after each answer."""
    output = str(given["TransformOutput"]["S3OutputPath"]).rstrip("/")
    files.put(f"{output}/{name.as_posix()}.out", b"".join(answer + b"\n" for answer in answers))
