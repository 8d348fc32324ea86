"""What every document of a run has: which run it is about, its place in S3, and who writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from contracts import naming
from pipeline.run_documents.json_form import JsonDocument


class StoredDocument(JsonDocument):
    """A document that is kept in the folder of its run, in the processed bucket."""

    FILE_NAME: ClassVar[str]

    @classmethod
    def key(cls, dataset: str, run_id: str) -> str:
        """Where the run keeps this document."""
        return naming.run_prefix(dataset, run_id) + cls.FILE_NAME


@dataclass(frozen=True, kw_only=True)
class RunDocument(StoredDocument):
    """A stored document that says which run it is about."""

    dataset: str
    """The dataset that the run works on."""
    run_id: str
    """The run."""
