"""The contracts and marts that a deployment runs under, read out of the code of one of its functions.

Nothing else holds all of a contract as it was deployed: tables and ledgers name only its version. Every function
carries contracts/compiled (stacks/constructs/python_function.py).
"""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from contracts.errors import PermanentError
from slipway.deployment import Deployment

FUNCTION = "FailRunFunctionName"  # the output that names the function
FOLDER = "contracts/compiled/"
MARTS = "contracts/compiled/marts/"
SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """Compiled contracts by dataset and marts by name: JSON documents, in the form of whatever Slipway wrote them."""

    contracts: Mapping[str, Mapping[str, Any]]
    marts: Mapping[str, Mapping[str, Any]]


def read(deployment: Deployment) -> Deployed:
    """What the deployment runs under.

    The URL of the code is valid for ten minutes. Source: Lambda API reference, GetFunction, FunctionCodeLocation.
    Raises PermanentError when the code cannot be had, or has none.
    """
    name = deployment.output(FUNCTION)
    code = deployment.client("lambda").get_function(FunctionName=name)["Code"]
    with zipfile.ZipFile(io.BytesIO(_download(code["Location"]))) as archive:
        contracts, marts = (_documents(archive, folder) for folder in (FOLDER, MARTS))
    if not contracts:
        raise PermanentError(
            f"the code of function {name} has no {FOLDER}*.json; was it deployed by Slipway?"
        )
    return Deployed(contracts=contracts, marts=marts)


def _documents(archive: zipfile.ZipFile, folder: str) -> dict[str, dict[str, Any]]:
    """The compiled files that lie in a folder itself, by what they are called."""
    paths = (PurePosixPath(entry) for entry in archive.namelist())
    return {
        path.stem: json.loads(archive.read(str(path)))
        for path in paths
        if f"{path.parent}/" == folder and path.suffix == ".json"
    }


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 -- Lambda made the URL
            content: bytes = answer.read()
    except OSError as error:  # of the network, and every HTTP status that is no success
        raise PermanentError(
            f"the code of the deployment cannot be downloaded: {error}; is the way to S3 open from here?"
        ) from error
    return content
