"""The `--KEY value` arguments that Glue, EMR and the local runner pass to an entry script.

Parsed with the standard library, so that a script needs no `awsglue` to run elsewhere; arguments that Glue adds for
itself (`--JOB_NAME`, `--conf`, `--enable-metrics`, ...) are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from contracts import model
from contracts.errors import PermanentError
from pipeline.job_arguments import CuratingArguments, JobArguments, LoadingArguments


def parse(argv: Sequence[str]) -> JobArguments:
    """Read the arguments that every job has.

    Raises PermanentError when a required argument is missing, naming all that are.
    """
    return JobArguments(**_required(_pairs(argv), tuple(JobArguments.__dataclass_fields__)))


def parse_curating(argv: Sequence[str]) -> CuratingArguments:
    """Read the arguments of processed_to_curated; raises as `parse` does."""
    fields = tuple(CuratingArguments.__dataclass_fields__)
    return CuratingArguments(**_required(_pairs(argv), fields))


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


def spark_version(argv: Sequence[str]) -> str:
    """The version of Spark that the job is for; empty where it is not said: Glue's, which its own version decides."""
    return _pairs(argv).get("spark_version", "")


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
