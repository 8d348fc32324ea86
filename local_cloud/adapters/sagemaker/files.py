"""What SageMaker does with S3 for a job, under the job's role: bring prefixes, take archives and answers."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from local_cloud.adapters.roles import Session
from local_cloud.adapters.sagemaker.requests import place_of
from local_cloud.settings import REGION, ServerSettings


@dataclass(frozen=True, kw_only=True)
class JobFiles:
    """S3 with the credentials of one role; `key_arn` encrypts what is written, where the job names a key."""

    s3: Any
    key_arn: str | None = None

    def bring(self, bucket: str, prefix: str, folder: Path) -> list[Path]:
        """Every object below a prefix, under its name after the prefix's last folder.

        Raises FileNotFoundError where there is none: SageMaker fails a job without input.
        """
        base = prefix.rpartition("/")[0] + "/" if "/" in prefix else ""
        brought = []
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                target = folder / found["Key"].removeprefix(base)
                target.parent.mkdir(parents=True, exist_ok=True)
                self.s3.download_file(bucket, found["Key"], str(target))
                brought.append(target)
        if not brought:
            raise FileNotFoundError(f"no S3 objects found under S3 URL s3://{bucket}/{prefix}")
        return brought

    def unpack(self, uri: str, folder: Path) -> None:
        """An archive of S3 into a folder."""
        bucket, key = place_of(uri)
        body = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
            archive.extractall(folder, filter="data")

    def pack(self, folder: Path, uri: str) -> None:
        """What is in a folder, as an archive of S3."""
        body = io.BytesIO()
        with tarfile.open(fileobj=body, mode="w:gz") as archive:
            for entry in sorted(folder.iterdir()):
                archive.add(entry, arcname=entry.name)
        self.put(uri, body.getvalue())

    def put(self, uri: str, body: bytes) -> None:
        """One object."""
        bucket, key = place_of(uri)
        encryption = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.key_arn} if self.key_arn else {}
        )
        self.s3.put_object(Bucket=bucket, Key=key, Body=body, **encryption)


def files_of(settings: ServerSettings, session: Session, key_arn: str | None) -> JobFiles:
    """S3 under a session of the job's role."""
    credentials = session.environment()
    return JobFiles(
        key_arn=key_arn,
        s3=boto3.client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=REGION,
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials["AWS_SESSION_TOKEN"],
        ),
    )
