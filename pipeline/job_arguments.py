"""What a job is told about its run: the same for every engine that can do it.

How an engine passes them is its own affair: Glue as `--key value`, Lambda as settings and an event.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts import model, naming
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
        """Where the run keeps its document of this kind, as an s3:// URI."""
        return f"s3://{self.processed_bucket}/{kind.key(self.dataset, self.run_id)}"

    @property
    def staged_uri(self) -> str:
        """Folder for the parsed and checked rows of this run."""
        return f"s3://{self.processed_bucket}/{naming.run_prefix(self.dataset, self.run_id)}staged/"


@dataclass(frozen=True, kw_only=True)
class LoadingArguments(JobArguments):
    """What raw_to_processed needs as well: the schema changes that the environment allows, and
    the ARN of the secret that makes tokens (empty: none).
    """

    schema_change: model.SchemaChange
    pii_secret_arn: str


@dataclass(frozen=True, kw_only=True)
class CuratingArguments(JobArguments):
    """What processed_to_curated needs: nothing more, but a type of its own, so that neither job
    can be given the other's.
    """
