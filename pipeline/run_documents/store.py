"""Documents in S3: read and written by functions and by the operator's command, with a client that is handed in."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from contracts.errors import PermanentError
from pipeline.aws_errors import code
from pipeline.run_documents.base import RunDocument, StoredDocument

MISSING = frozenset({"NoSuchKey", "404"})
Kind = TypeVar("Kind", bound=StoredDocument)


def read(s3: Any, kind: type[Kind], *, bucket: str, dataset: str, run_id: str) -> Kind:
    """The document of this kind that a run has.

    Raises PermanentError, naming who should have written it, when it is missing or not as its kind.
    """
    key = kind.key(dataset, run_id)
    place = f"s3://{bucket}/{key}"
    try:
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.ClientError as error:
        if code(error) not in MISSING:
            raise
        raise PermanentError(
            f"{place} is missing; {kind.WRITTEN_BY} ended without writing it"
        ) from error
    try:
        data = json.loads(text)
    except ValueError as error:
        raise PermanentError(
            f"{place}, written by {kind.WRITTEN_BY}, is no JSON: {error}"
        ) from error
    return kind.from_json(data, place=place)


def write(s3: Any, document: RunDocument, *, bucket: str) -> None:
    """Put a document where `read` looks for it, in place of what an earlier attempt wrote."""
    s3.put_object(
        Bucket=bucket,
        Key=document.key(document.dataset, document.run_id),
        Body=json.dumps(document.to_json(), indent=2).encode(),
        ContentType="application/json",
    )
