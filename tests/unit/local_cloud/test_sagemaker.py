"""The embedded SageMaker without a server: what it refuses, how a container is laid out and ends, how input is cut."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from local_cloud.adapters.sagemaker import jobs, requests, service, training, transform
from local_cloud.adapters.sagemaker.container import Container
from local_cloud.adapters.sagemaker.requests import Refused

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-py312-cpu-py3"
SOURCE = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/train/"}}
TRAINING: dict[str, Any] = {
    "TrainingJobName": "job-1",
    "RoleArn": "arn:aws:iam::000000000000:role/jobs",
    "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    "HyperParameters": {
        "sagemaker_program": '"script.py"',
        "sagemaker_submit_directory": '"/opt/ml/input/data/code/sourcedir.tar.gz"',
    },
    "InputDataConfig": [{"ChannelName": "train", "DataSource": SOURCE}],
    "OutputDataConfig": {"S3OutputPath": "s3://b/out/"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
TRANSFORM: dict[str, Any] = {
    "TransformJobName": "job-1",
    "ModelName": "m",
    "BatchStrategy": "MultiRecord",
    "TransformInput": {"ContentType": "text/csv", "SplitType": "Line", "DataSource": SOURCE},
    "TransformOutput": {"S3OutputPath": "s3://b/out", "Accept": "text/csv", "AssembleWith": "Line"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
}
MODEL: dict[str, Any] = {
    "ModelName": "m",
    "ExecutionRoleArn": "arn:aws:iam::000000000000:role/jobs",
    "PrimaryContainer": {
        "Image": IMAGE,
        "ModelDataUrl": "s3://b/model.tar.gz",
        "Environment": {
            "SAGEMAKER_PROGRAM": "s.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        },
    },
}


def changed(request: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The request with another value at a path, such as ResourceConfig.InstanceCount."""
    copy: dict[str, Any] = json.loads(json.dumps(request))
    *folders, last = path.split(".")
    place = copy
    for folder in folders:
        place = place[folder]
    place[last] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("VpcConfig", {}, "VpcConfig is not emulated"),
        ("EnableManagedSpotTraining", True, "EnableManagedSpotTraining is not emulated"),
        ("ResourceConfig.InstanceCount", 2, "InstanceCount is 2; here it is 1"),
        ("AlgorithmSpecification.TrainingInputMode", "Pipe", "only File is emulated"),
        ("AlgorithmSpecification.TrainingImage", "me/mine:1", "is not run by the embedded AWS"),
        ("OutputDataConfig.S3OutputPath", "/tmp/x", "is not an s3:// address"),
        ("HyperParameters", {"a": "1"}, "HyperParameters has no sagemaker_program"),
        ("StoppingCondition", {"MaxWaitTimeInSeconds": 1}, "MaxWaitTimeInSeconds is not emulated"),
    ],
)
def test_a_training_that_would_not_be_true_here_is_refused_by_name(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(Refused, match=message):
        training._check(changed(TRAINING, path, value))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("DataProcessing", {}, "DataProcessing is not emulated"),
        ("BatchStrategy", "SingleRecord", "BatchStrategy is 'SingleRecord'"),
        ("TransformInput.SplitType", "None", "SplitType is 'None'"),
        ("TransformOutput.AssembleWith", None, "AssembleWith is None"),
    ],
)
def test_a_transform_that_would_not_be_true_here_is_refused_by_name(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(Refused, match=message):
        transform._check(changed(TRANSFORM, path, value))


def test_requests_as_the_state_machine_makes_them_are_taken() -> None:
    training._check(TRAINING)
    transform._check(TRANSFORM)


@pytest.mark.parametrize("name", ["", "a_b", "-a", "a" * 64, "ä"])
def test_names_are_those_that_aws_takes(name: str) -> None:
    with pytest.raises(Refused, match="63 letters, digits and hyphens"):
        requests.require_name("TrainingJobName", {"TrainingJobName": name})


def test_models_are_made_once_and_deleted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "models", {})
    monkeypatch.setattr(jobs, "_session", lambda *_: None)
    assert jobs.create_model(MODEL)["ModelArn"].endswith(":model/m")
    with pytest.raises(Refused, match="already existing model"):
        jobs.create_model(MODEL)
    jobs.delete_model("m")
    with pytest.raises(Refused, match="Could not find model"):
        jobs.delete_model("m")
    with pytest.raises(Refused, match="has no SAGEMAKER_PROGRAM"):
        jobs.create_model(changed(MODEL, "PrimaryContainer.Environment", {}))


def test_each_operation_is_asked_of_its_own_resource() -> None:
    own = "arn:aws:sagemaker:us-east-1:000000000000"
    assert service.resource("CreateTrainingJob", TRAINING) == f"{own}:training-job/job-1"
    assert service.resource("CreateTransformJob", TRANSFORM) == f"{own}:transform-job/job-1"
    assert service.resource("DeleteModel", {"ModelName": "m"}) == f"{own}:model/m"
    assert service.resource("ListModels", {}) == "*"


def container(folder: Path, script: str) -> Container:
    """A container with a script as its code."""
    made = Container(root=folder / "ml", log=folder / "log")
    made.lay_out([{"ChannelName": "train", "ContentType": "text/csv"}], {"a": "1"})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as out:
        entry = tarfile.TarInfo("script.py")
        entry.size = len(script)
        out.addfile(entry, io.BytesIO(script.encode()))
    made.channel("code").mkdir(parents=True)
    (made.channel("code") / "sourcedir.tar.gz").write_bytes(packed.getvalue())
    made.unpack_code("/opt/ml/input/data/code/sourcedir.tar.gz")
    return made


def train(made: Container, seconds: float = 60, **hyperparameters: str) -> int:
    values = {"sagemaker_program": '"script.py"', **hyperparameters}
    return made.train("job", ["train"], values, seconds)


TELLING = """
import json, os, sys
told = {name: os.environ.get(name) for name in sorted(os.environ) if name.startswith(("SM_", "AWS_"))}
print(json.dumps({"arguments": sys.argv[1:], "variables": told, "folder": os.getcwd()}))
open(os.path.join(os.environ["SM_MODEL_DIR"], "model"), "w").write("x")
"""


def test_a_script_gets_folders_as_variables_hyperparameters_as_arguments_and_no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the server")
    made = container(tmp_path, TELLING)
    assert train(made, seasons='"[12]"', depth="3", sagemaker_region='"x"') == 0
    told = json.loads(made.printed())
    assert told["arguments"] == ["--depth", "3", "--seasons", "[12]"]
    assert told["variables"]["SM_CHANNEL_TRAIN"] == str(made.channel("train"))
    assert told["variables"]["SM_OUTPUT_DATA_DIR"] == str(made.output_data)
    assert not [name for name in told["variables"] if name.startswith("AWS_")]
    assert Path(told["folder"]).resolve() == (made.root / "code").resolve()
    assert (made.model / "model").read_text() == "x"
    config = made.root / "input" / "config"
    assert json.loads((config / "hyperparameters.json").read_text()) == {"a": "1"}
    assert (
        json.loads((config / "inputdataconfig.json").read_text())["train"]["ContentType"]
        == "text/csv"
    )


def test_a_script_that_fails_says_why_in_its_own_words_or_by_the_end_of_its_log(
    tmp_path: Path,
) -> None:
    made = container(tmp_path, "raise ValueError('no rows')")
    assert (code := train(made)) == 1
    assert "ValueError: no rows" in made.failure_reason(code)
    made.failure.write_text("the file said so" * 100)
    assert made.failure_reason(code).startswith("the file said so")
    assert len(made.failure_reason(code)) == 1024


def test_a_script_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    made = container(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(subprocess.TimeoutExpired):
        train(made, seconds=0.5)
    assert made.process is not None
    assert made.process.poll() is not None


def test_a_script_that_is_stopped_ends_at_once(tmp_path: Path) -> None:
    made = container(tmp_path, "import time; time.sleep(60)")
    threading.Timer(0.5, made.stop).start()
    began = time.monotonic()
    assert train(made) != 0
    assert time.monotonic() - began < 30


SERVING = """
def model_fn(folder):
    return open(folder + "/model").read()
def input_fn(body, content_type):
    assert isinstance(body, str), type(body)
    return body.split()
def predict_fn(data, model):
    return [model + each for each in data]
def output_fn(prediction, accept):
    return "\\n".join(prediction), accept
"""


def test_a_model_is_served_by_the_code_in_its_archive_request_by_request(tmp_path: Path) -> None:
    made = Container(root=tmp_path / "ml", log=tmp_path / "log")
    made.lay_out([], {})
    (made.model / "code").mkdir()
    (made.model / "code" / "s.py").write_text(SERVING.replace("\\\\n", "\\n"))
    (made.model / "model").write_text("m-")
    made.unpack_code("/opt/ml/model/code")
    for name in ("requests", "responses"):
        (made.root / name).mkdir()
    for number, body in enumerate(("a\nb\n", "c\n")):
        (made.root / "requests" / str(number)).write_text(body)
    environment = MODEL["PrimaryContainer"]["Environment"]
    assert made.serve(environment, ("text/csv", "text/csv"), 60) == 0, made.printed()
    answers = [(made.root / "responses" / str(number)).read_text() for number in range(2)]
    assert [answer.split() for answer in answers] == [["m-a", "m-b"], ["m-c"]]


def test_input_is_cut_at_lines_into_requests_of_a_size() -> None:
    body = b"aaaa\nbb\ncc\n"
    assert list(transform.payloads(body, 6)) == [b"aaaa\n", b"bb\ncc\n"]
    assert list(transform.payloads(body, 100)) == [body]
    assert list(transform.payloads(b"", 100)) == []
    with pytest.raises(Refused, match="a line of 5 bytes is more than MaxPayloadInMB"):
        list(transform.payloads(body, 4))
