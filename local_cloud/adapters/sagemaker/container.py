"""The container of a job, as folders and a process: what AWS's image of scikit-learn finds, and what it runs.

Sources: SageMaker AI developer guide, "Amazon SageMaker AI training storage folders" and "How Amazon SageMaker AI
provides training information"; aws/sagemaker-training-toolkit, environment.py and mapping.py; for serving
aws/sagemaker-inference-toolkit and aws/sagemaker-scikit-learn-container, serving.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

IN_IMAGE = "/opt/ml"
REPOSITORY = Path(__file__).parents[3]
SERVING = Path(__file__).with_name("serving.py")
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")  # nothing else: the server's credentials are its own
# Characters of FailureReason. Source: SageMaker API reference, DescribeTrainingJob.
FAILURE_LENGTH = 1024
MESSAGE_LINES = 20


@dataclass(kw_only=True)
class Container:
    """One container below `root`, which stands for /opt/ml; `log` takes everything it prints."""

    root: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def model(self) -> Path:
        """What becomes model.tar.gz, or came out of it."""
        return self.root / "model"

    @property
    def output_data(self) -> Path:
        """What becomes output.tar.gz."""
        return self.root / "output" / "data"

    @property
    def failure(self) -> Path:
        """Why the algorithm failed, in its own words."""
        return self.root / "output" / "failure"

    def channel(self, name: str) -> Path:
        """Files of one channel."""
        return self.root / "input" / "data" / name

    def here(self, path: str) -> Path:
        """A path in the image, on this machine."""
        return (
            self.root / path.removeprefix(IN_IMAGE).lstrip("/")
            if path.startswith(IN_IMAGE)
            else Path(path)
        )

    def lay_out(
        self, channels: Sequence[Mapping[str, Any]], hyperparameters: Mapping[str, str]
    ) -> None:
        """The folders, and what the image is told in files."""
        for folder in (
            self.model,
            self.output_data,
            self.root / "input" / "config",
            self.root / "code",
        ):
            folder.mkdir(parents=True, exist_ok=True)
        told = {
            "hyperparameters.json": hyperparameters,
            "inputdataconfig.json": {
                str(channel["ChannelName"]): {
                    "TrainingInputMode": "File",
                    "S3DistributionType": "FullyReplicated",
                    "RecordWrapperType": "None",
                    **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
                }
                for channel in channels
            },
            "resourceconfig.json": {
                "current_host": "algo-1",
                "hosts": ["algo-1"],
                "network_interface_name": "eth0",
            },
        }
        for name, content in told.items():
            (self.root / "input" / "config" / name).write_text(
                json.dumps(content), encoding="utf-8"
            )

    def unpack_code(self, submit_directory: str) -> None:
        """The script, from an archive or a folder in the container."""
        source, target = self.here(submit_directory), self.root / "code"
        if source.is_dir():
            target.rmdir()
            target.symlink_to(source, target_is_directory=True)
            return
        with tarfile.open(source, mode="r:gz") as archive:
            archive.extractall(target, filter="data")

    def train(
        self, job: str, channels: Sequence[str], hyperparameters: Mapping[str, str], seconds: float
    ) -> int:
        """Run the script as the image does: folders as variables, hyperparameters as arguments. Its exit code."""
        values = {name: _decoded(value) for name, value in hyperparameters.items()}
        program = str(values.pop("sagemaker_program"))
        arguments = [
            text
            for name, value in sorted(values.items())
            if not name.startswith("sagemaker_")
            for text in (f"--{name}", value if isinstance(value, str) else json.dumps(value))
        ]
        variables = {
            "SM_MODEL_DIR": str(self.model),
            "SM_OUTPUT_DIR": str(self.root / "output"),
            "SM_OUTPUT_DATA_DIR": str(self.output_data),
            "SM_INPUT_DIR": str(self.root / "input"),
            "SM_INPUT_CONFIG_DIR": str(self.root / "input" / "config"),
            "SM_CHANNELS": json.dumps(sorted(channels)),
            "SM_HPS": json.dumps(
                {k: v for k, v in values.items() if not k.startswith("sagemaker_")}
            ),
            "SM_HOSTS": '["algo-1"]',
            "SM_CURRENT_HOST": "algo-1",
            "SM_NUM_CPUS": str(os.cpu_count() or 1),
            "SM_NUM_GPUS": "0",
            "SM_USER_ENTRY_POINT": program,
            "TRAINING_JOB_NAME": job,
            **{f"SM_CHANNEL_{name.upper()}": str(self.channel(name)) for name in channels},
        }
        return self.run([str(self.root / "code" / program), *arguments], variables, seconds)

    def serve(
        self, environment: Mapping[str, str], content: tuple[str, str], seconds: float
    ) -> int:
        """Answer what lies in requests/ with what goes to responses/; `content` are the type that comes and goes."""
        program = str(self.root / "code" / environment["SAGEMAKER_PROGRAM"])
        folders = (str(self.model), str(self.root / "requests"), str(self.root / "responses"))
        return self.run([str(SERVING), program, *folders, *content], environment, seconds)

    def run(self, command: Sequence[str], variables: Mapping[str, str], seconds: float) -> int:
        """Exit code of a Python process in the folder of the code; it ends with this server, or when it is stopped."""
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        # One thread: two that wait for each other on a busy machine took nine times as long (28 s against 3 s).
        fixed = {
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "UTF-8",
        }
        lifeline = [
            sys.executable,
            "-m",
            "local_cloud.lifeline",
            "env",
            "-C",
            str(self.root / "code"),
        ]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*lifeline, sys.executable, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**inherited, **fixed, **variables},
                cwd=REPOSITORY,
            )
        try:
            if self.stopped.is_set():  # between the check and the start
                self.process.terminate()
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait()
            raise
        finally:
            if self.process.stdin:
                self.process.stdin.close()

    def stop(self) -> None:
        """End what runs, with everything that it started."""
        self.stopped.set()
        if self.process is not None:
            self.process.terminate()

    def printed(self) -> str:
        """All that the container printed."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def failure_reason(self, code: int) -> str:
        """What the algorithm wrote about its failure, or the end of what it printed."""
        if self.failure.is_file():
            return self.failure.read_text("utf-8", "replace")[:FAILURE_LENGTH]
        last = "\n".join(self.printed().strip().splitlines()[-MESSAGE_LINES:])
        return (
            f"ExecuteUserScriptError: ExitCode {code} ErrorMessage {last[-FAILURE_LENGTH // 2 :]!r}"
        )


def _decoded(value: str) -> Any:
    """Script mode reads a hyperparameter as JSON, and as a text where it is none.

    Source: aws/sagemaker-training-toolkit, environment.py, read_hyperparameters.
    """
    try:
        return json.loads(value)
    except ValueError:
        return value
