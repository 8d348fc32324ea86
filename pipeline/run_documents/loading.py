"""What raw_to_processed measured, figure by figure, for the gate to compare.

Each figure is taken at another place: `observed` while the raw files are read, what a file has read and deduplicated
from the staged rows, what was loaded and quarantined from the tables as committed. So the equations can fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar, Literal, get_args

from contracts import table_rules
from contracts.model import RuleAction
from pipeline.modes import LoadMode
from pipeline.run_documents.base import RunDocument
from pipeline.run_documents.json_form import JsonDocument

Part = Literal["loaded", "quarantined", "deduplicated"]
PARTS: tuple[Part, ...] = get_args(Part)  # what becomes of a row that was read
RuleKind = Literal[table_rules.Kind, "protection"]
RuleStatus = Literal["passed", "failed", "unproven"]


@dataclass(frozen=True, kw_only=True)
class SnapshotChange(JsonDocument):
    """The published state of a table before a run, and what the run made of it on its branch."""

    before: int | None
    """Snapshot on which the run built; null: the table had none yet."""
    after: int
    """Head of the run's branch, which is published once the gate lets the run pass."""


@dataclass(frozen=True, kw_only=True)
class Observed(JsonDocument):
    """What was counted while the raw files were read."""

    rows_read: int
    """Records of all files."""
    totals: Mapping[str, Decimal]
    """Sum of each money column; a value that does not parse counts as 0.00."""


@dataclass(frozen=True, kw_only=True)
class PartTotals(JsonDocument):
    """Sum of each money column of a file, by what became of its rows."""

    read: Mapping[str, Decimal]
    """Of all records; a value that does not parse counts as 0.00."""
    loaded: Mapping[str, Decimal]
    """Of the rows in the processed table."""
    quarantined: Mapping[str, Decimal]
    """Of the records in the quarantine table; unparsed money counts as 0.00 here too."""
    deduplicated: Mapping[str, Decimal]
    """Of the rows that gave way to a newer row of the same key."""

    def of(self, part: Part) -> Mapping[str, Decimal]:
        """The sums of one part."""
        return {
            "loaded": self.loaded,
            "quarantined": self.quarantined,
            "deduplicated": self.deduplicated,
        }[part]


@dataclass(frozen=True, kw_only=True)
class RefusedSample(JsonDocument):
    """One of the first records of a file that a rule refused, for people to see what is wrong."""

    rule_id: str
    """The rule."""
    record: int
    """Number of the record in its file, from 1."""
    reason: str
    """What is wrong, in a sentence that begins with the column; it never shows personal data."""

    @property
    def text(self) -> str:
        """The sample as people read it."""
        return f"record {self.record}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class ReplacedFile(JsonDocument):
    """Rows of an earlier file whose place a file of the run took in the table."""

    sha256: str
    """Content hash of the file that brought the rows which the table held until then."""
    rows_replaced: int
    """Rows whose values differ from those that the table held."""
    rows_unchanged: int
    """Rows with the very values that the table held; they count as of the newer file from now on."""


@dataclass(frozen=True, kw_only=True)
class TableEffect(JsonDocument):
    """What the valid rows of one file did to the table as it was before the run.

    Loaded rows are new, replaced, unchanged or kept; deduplicated rows are repeats or outdated.
    """

    rows_new: int
    """Loaded rows whose key the table did not have."""
    rows_replaced: int
    """Loaded rows that took the place of another file's row with other values."""
    rows_unchanged: int
    """Loaded rows that took the place of another file's row with the same values."""
    rows_kept: int
    """Loaded rows that the table had from this very file: of an earlier attempt, or loaded anew."""
    rows_repeated_equal: int
    """Rows that a later row of the same file repeats, key and values."""
    rows_repeated_different: int
    """Rows that gave way to a later row of the same file with the same key and other values."""
    rows_outdated: int
    """Rows that gave way to a row of the same key from a newer file, in the batch or in the table."""
    replaced_files: tuple[ReplacedFile, ...]
    """Whose rows were replaced, the file with the most first."""


@dataclass(frozen=True, kw_only=True)
class HistoryRows(JsonDocument):
    """Rows of a delivery in the history table, on the run's branch as committed: those loaded or deduplicated."""

    rows: int
    """How many."""
    totals: Mapping[str, Decimal]
    """Sum of each money column over them."""


@dataclass(frozen=True, kw_only=True)
class LoadedFile(JsonDocument):
    """What became of one file of the manifest."""

    sha256: str
    """Hash of the content as delivered."""
    file_name: str
    """Name under which it was delivered."""
    rows_read: int
    """Records that the engine read."""
    rows_loaded: int
    """Rows of it in the processed table, on the run's branch as committed."""
    rows_quarantined: int
    """Records of it in the quarantine table, on the run's branch as committed."""
    rows_deduplicated: int
    """Rows that gave way to a newer row of the same key."""
    totals: PartTotals
    """Money of the file, by what became of it."""
    effect: TableEffect
    """What its valid rows did to the table."""
    rows_erased: int | None = None
    """Of the quarantined records, those of people who were erased; only where there are any."""
    dates_until: date | None = None
    """Last date of its valid rows, by the column that partitions the table; only if it is after the delivery's own day,
    wherever on Earth, and the contract wants people to be told."""
    lacking_columns: tuple[str, ...] | None = None
    """Optional columns of the contract that its header does not have; only where there are any."""
    keeping_columns: tuple[str, ...] | None = None
    """Of the columns that its header does not have, those whose values the table keeps; only where there are any."""
    rows_keeping: int | None = None
    """Rows of it in the table with a value that another delivery gave; only where `keeping_columns` is."""
    samples: tuple[RefusedSample, ...] | None = None
    """The first records that each rule refused, a few per rule; only where any were refused."""
    history: HistoryRows | None = None
    """What the history table holds of it; only where the contract wants a history."""

    def rows(self, part: Part) -> int:
        """The rows of one part."""
        return {
            "loaded": self.rows_loaded,
            "quarantined": self.rows_quarantined,
            "deduplicated": self.rows_deduplicated,
        }[part]


@dataclass(frozen=True, kw_only=True)
class RowRuleResult(JsonDocument):
    """How a rule about single rows ended."""

    rule_id: str
    """The rule."""
    action: RuleAction
    """What the contract wants done with a row that breaks it."""
    rows_checked: int
    """Rows that it could judge."""
    rows_failed: int
    """Rows that break it."""


@dataclass(frozen=True, kw_only=True)
class TableRuleResult(JsonDocument):
    """How a rule about the whole table ended, on the table as the run would publish it."""

    rule_id: str
    """The rule."""
    kind: RuleKind
    """Kind of the rule; protection is added by the job where a contract has personal data."""
    action: RuleAction
    """halt refuses the run unless the rule has passed."""
    status: RuleStatus
    """unproven: nothing was there to look at, which is not passed."""
    measured: str
    """What was found, in words."""
    expected: str
    """What the contract wants, in words."""


@dataclass(frozen=True, kw_only=True)
class TouchedDates(JsonDocument):
    """First and last day of the valid rows; null: there was none."""

    min: date | None
    """First day."""
    max: date | None
    """Last day."""


@dataclass(frozen=True, kw_only=True)
class RetractedRows(JsonDocument):
    """What a retraction took out of the tables, and whether anything of the file is left on the run's branches."""

    sha256: str
    """The file."""
    rows_taken_out: int
    """Rows of it that the processed table had."""
    refusals_taken_out: int
    """Records of it that the quarantine table had."""
    corrections_reopened: int
    """Refused records of files that are not loaded anew, which this file had corrected: they are open again."""
    rows_left: int
    """Rows and records of it in all these tables, and rows that keep a value of it, on the run's branches as committed.
    The gate refuses any."""
    versions_taken_out: int | None = None
    """Rows of it that the history table had; only where there is one."""


@dataclass(frozen=True, kw_only=True)
class LoadResult(RunDocument):
    """What raw_to_processed did on the run's branches. The gate lets the run go on by these figures."""

    FILE_NAME: ClassVar[str] = "raw_to_processed.json"
    WRITTEN_BY: ClassVar[str] = "raw_to_processed"

    mode: LoadMode
    """Mode of the run."""
    contract_version: str
    """Version of the contract that the job applied."""
    engine: str
    """What carried it out."""
    branch: str
    """Branch of the tables that holds the result until it is published."""
    snapshots: Mapping[str, SnapshotChange]
    """By table, processed, quarantine and history if there is one: its state before the run and on the run's branch."""
    observed: Observed
    """What was counted while the raw files were read."""
    files: tuple[LoadedFile, ...]
    """Every file of the manifest, in its order."""
    quarantine_by_rule: Mapping[str, int]
    """By rule: records that it refused."""
    warnings_by_rule: Mapping[str, int]
    """By rule: rows that break it and were loaded all the same."""
    halted_by_rule: Mapping[str, int]
    """By rule with action halt: records that break it, also counted in `quarantine_by_rule`. The gate refuses any."""
    row_rules: tuple[RowRuleResult, ...]
    """Every row rule of the contract, those that a column implies included."""
    table_rules: tuple[TableRuleResult, ...]
    """Every table rule of the contract, and those that the job adds."""
    touched_dates: TouchedDates
    """Days that the valid rows span."""
    schema_changes: tuple[str, ...]
    """How tables were evolved, in sentences."""
    bytes_read: int
    """Size of the files as they lie in the raw zone."""
    quarantine_resolved: int
    """Refused records that files of this run correct."""
    duration_seconds: float
    """Work of the job, without its start."""
    rows_amended: int | None = None
    """Rows that stay in the table, of files that lack a column, and have another value in it since this run; only where
    the table has such rows."""
    retracted: RetractedRows | None = None
    """What a retraction took out; in no other mode."""

    @property
    def heads(self) -> dict[str, int]:
        """By table: the snapshot that is to be published."""
        return {table: change.after for table, change in self.snapshots.items()}
