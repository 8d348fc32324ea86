"""What every Spark run on this machine is given, whichever service it is for: code from S3, credentials, a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import boto3

from local_cloud.settings import REGION, ServerSettings

ROOT = Path(__file__).parents[2]


def environment(
    settings: ServerSettings, credentials: dict[str, str], python: Path
) -> dict[str, str]:
    """Nothing of the server's own environment but what finds programs, so that its credentials stay its own."""
    inherited = {
        key: os.environ[key]
        for key in ("PATH", "HOME", "JAVA_HOME", "LANG", "TMPDIR")
        if key in os.environ
    }
    return (
        inherited
        | credentials
        | {
            "AWS_ENDPOINT_URL": settings.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYSPARK_PYTHON": str(python),
            "PYSPARK_DRIVER_PYTHON": str(python),
            "PYTHONUNBUFFERED": "1",
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
    )


def s3_client(settings: ServerSettings, credentials: dict[str, str]) -> Any:
    """S3 as the run's role sees it."""
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=REGION,
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=credentials["AWS_SESSION_TOKEN"],
    )


def download(s3: Any, uri: str, folder: Path) -> Path:
    """The object at an s3:// address as a file in `folder`. Raises ValueError for any other address."""
    location = urlparse(uri)
    if location.scheme != "s3":
        raise ValueError(f"{uri!r} is not an s3:// address; code of Spark jobs is read from S3")
    target = folder / Path(location.path).name
    target.parent.mkdir(parents=True, exist_ok=True)
    s3.download_file(location.netloc, location.path.lstrip("/"), str(target))
    return target


def start(command: list[str], env: dict[str, str], log_path: Path) -> subprocess.Popen[bytes]:
    """The process of a run, which ends with the server; the driver adds to the log, too."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "local_cloud.lifeline", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=ROOT,
        )
