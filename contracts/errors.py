"""Every error that Slipway raises on purpose, as one shallow tree.

    SlipwayError
    ├── PermanentError           trying again cannot help
    │   ├── ContractInvalid      a contract, compiled file or setting is wrong
    │   ├── FileRejected         a partner's file cannot be accepted
    │   ├── ReconciliationFailed rows or money do not add up: nothing may be published
    │   │   └── QuarantineLimitExceeded  everything adds up, but too many rows are bad: their files are set aside
    │   ├── WarehouseLoadFailed  the warehouse refused a load, and is as before
    │   ├── WriteBackFailed      the internal database refused what was written back, and is as before
    │   ├── DatabaseUnprepared   its user of the write-back is missing or lacks a right: it is made, then tried again
    │   └── Superseded           newer work is on its way, so this one publishes nothing
    ├── RetryableError           the same call may succeed later (throttling, lost connection)
    │   ├── DatasetBusy          another run holds the dataset
    │   ├── StoreAsleep          a store that is written to did not wake up in time: it is as before
    │   └── WarehouseConflict    another transaction was in the way of a load
    └── NeedsSpark               the DuckDB engine cannot do this run: the same run goes on with Spark

Step Functions sees the class name as the error name, so renaming one is a change of the state machine too.
"""

from __future__ import annotations


class SlipwayError(Exception):
    """Root of all errors that Slipway raises on purpose."""


class PermanentError(SlipwayError):
    """Trying again with the same input cannot help."""


class RetryableError(SlipwayError):
    """The same call may succeed later."""


class ContractInvalid(PermanentError):
    """A contract, its compiled form, or an environment setting is wrong."""


class FileRejected(PermanentError):
    """A partner's file cannot be accepted.

    `reason` is a stable identifier (`not_utf8`, `header_mismatch`, ...), `detail` one sentence that names the place and
    the value found.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class ReconciliationFailed(PermanentError):
    """Rows or control totals do not add up; nothing may be published."""


class QuarantineLimitExceeded(ReconciliationFailed):
    """Everything adds up, but a larger share of rows was quarantined than the contract allows."""


class DatasetBusy(RetryableError):
    """A run holds the dataset's one lock; the state machine asks again until it has ended."""


class WarehouseLoadFailed(PermanentError):
    """The warehouse refused a statement of a load; the load was one transaction, so the tables are as before."""


class WriteBackFailed(PermanentError):
    """The internal database refused a write-back, or would not have been as the lake; it is as before."""


class DatabaseUnprepared(PermanentError):
    """The user that writes back may not come into the internal database, or lacks a right there; nothing was changed.

    The state machine has it made, and tries again once.
    """


class WarehouseConflict(RetryableError):
    """Another transaction was in the way; the failed statement stays failed, so the load must begin anew."""


class StoreAsleep(RetryableError):
    """A store that tables are written to did not wake up in time; a run goes on without it, and its message says so."""


class NeedsSpark(SlipwayError):
    """The DuckDB engine cannot do this run, or would have to read too much; the same run goes on with Spark.

    Nothing was published. What the attempt wrote is on drafts, which the next attempt drops.
    """


class Superseded(PermanentError):
    """What the work began with has been replaced meanwhile, so nothing was published: newer work is on its way."""
