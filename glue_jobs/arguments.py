"""The `--KEY value` arguments that Glue, EMR and the local runner pass to an entry script.

Parsed with the standard library, so that a script needs no `awsglue` to run elsewhere; arguments that Glue adds for
itself (`--JOB_NAME`, `--conf`, `--enable-metrics`, ...) are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from contracts import model, naming
from contracts.errors import PermanentError
from pipeline.run_documents import StoredDocument


@dataclass(frozen=True, kw_only=True)
class JobArguments:
    """What every job needs to know about a run."""

    dataset: str
    run_id: str
    environment: str
    processed_bucket: str
    curated_bucket: str

    def uri_of(self, kind: type[StoredDocument]) -> str:
        """Where the run keeps its document of this kind."""
        return f"s3://{self.processed_bucket}/{kind.key(self.dataset, self.run_id)}"

    @property
    def staged_uri(self) -> str:
        """Folder for the parsed and checked rows of this run."""
        return f"s3://{self.processed_bucket}/{naming.run_prefix(self.dataset, self.run_id)}staged/"


@dataclass(frozen=True, kw_only=True)
class LoadingArguments(JobArguments):
    """What raw_to_processed needs beside: what the environment allows, and the secret of tokens (empty: none)."""

    schema_change: model.SchemaChange
    pii_secret_arn: str


def parse(argv: Sequence[str]) -> JobArguments:
    """Read the arguments of a run.

    Raises PermanentError when a required argument is missing, naming all that are.
    """
    return JobArguments(**_required(_pairs(argv), tuple(JobArguments.__dataclass_fields__)))


def parse_loading(argv: Sequence[str]) -> LoadingArguments:
    """Read the arguments of raw_to_processed.

    Raises PermanentError when a required argument is missing, naming all that are, or --schema_change is unknown.
    """
    given = _pairs(argv)
    found = _required(given, (*JobArguments.__dataclass_fields__, "schema_change"))
    known = get_args(model.SchemaChange)
    if found["schema_change"] not in known:
        raise PermanentError(
            f"job argument --schema_change is {found['schema_change']!r}, none of {', '.join(known)}"
        )
    # Glue drops an argument with an empty value, so a missing one is the same as an empty one.
    return LoadingArguments(**found, pii_secret_arn=given.get("pii_secret_arn", ""))  # type: ignore[arg-type] # checked


def _required(given: dict[str, str], names: Sequence[str]) -> dict[str, str]:
    missing = [f"--{name}" for name in names if not given.get(name)]
    if missing:
        known = ", ".join(sorted(given)) or "none"
        raise PermanentError(f"job arguments missing: {', '.join(missing)}; given: {known}")
    return {name: given[name] for name in names}


def _pairs(argv: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for position, word in enumerate(argv):
        if not word.startswith("--"):
            continue
        name, equals, value = word.removeprefix("--").partition("=")
        following = argv[position + 1] if position + 1 < len(argv) else ""
        found[name] = value if equals else "" if following.startswith("--") else following
    return found
