"""The contracts that a deployment runs under, read out of the code of one of its functions.

Nothing else holds all of a contract as it was deployed: tables and ledgers name only its version. Every function
carries contracts/compiled (stacks/constructs/python_function.py).
"""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from pathlib import PurePosixPath
from typing import Any

from contracts.errors import PermanentError
from slipway.deployment import Deployment

FUNCTION = "FailRunFunctionName"  # the output that names the function
FOLDER = "contracts/compiled/"
SECONDS = 60


def read(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """Compiled contracts by dataset, as JSON documents: their form may be that of an earlier version of Slipway.

    The URL of the code is valid for ten minutes. Source: Lambda API reference, GetFunction, FunctionCodeLocation.
    Raises PermanentError when the code cannot be had, or has none.
    """
    name = deployment.output(FUNCTION)
    code = deployment.client("lambda").get_function(FunctionName=name)["Code"]
    with zipfile.ZipFile(io.BytesIO(_download(code["Location"]))) as archive:
        documents = [
            json.loads(archive.read(entry))
            for entry in archive.namelist()
            if entry.startswith(FOLDER) and PurePosixPath(entry).suffix == ".json"
        ]
    if not documents:
        raise PermanentError(
            f"the code of function {name} has no {FOLDER}*.json; was it deployed by Slipway?"
        )
    return {document["dataset"]: document for document in documents}


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 -- Lambda made the URL
            content: bytes = answer.read()
    except OSError as error:  # of the network, and every HTTP status that is no success
        raise PermanentError(
            f"the code of the deployment cannot be downloaded: {error}; is the way to S3 open from here?"
        ) from error
    return content
