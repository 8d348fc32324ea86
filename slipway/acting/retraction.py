"""One loaded file is taken out of the tables: what that would do, counted before it is started.

What comes back is what earlier files said of the same keys. The ledger knows which files may have given way to this
one, and the run reads those from raw; how many rows come back is known once it has ended.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.errors import PermanentError
from contracts.model import Contract
from pipeline.ledger import Item, loads
from rows.columns import SOURCE_SHA256
from slipway.acting import backfill
from slipway.deployment import Deployment
from slipway.reading import lake, ledgers, quarantine_queries
from slipway.reading.quarantine_queries import Selection

INSTEAD = {
    "claimed": "a run has it; try again once it has ended",
    "waiting": "it waits for a run; `slipway files set-aside {hash} --reason WHY` keeps it out",
    "set_aside": "it is set aside, so none of its rows is in the tables",
    "retracted": "it was retracted before",
    "rejected": "it was rejected, so none of its rows is in the tables",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The file, its rows and refused records as the tables have them, and the files that are read again.

    `gone` are those among the files beneath whose raw object is not there any more: what they said cannot come back.
    `corrections` are files that correct refused records of it: their rows stay.
    """

    file: Item
    rows: int
    refused: int
    beneath: list[Item]
    gone: list[Item]
    corrections: list[Item]


def one(deployment: Deployment, name: str, dataset: str | None) -> Item:
    """The newest loaded file with this hash, landing key or file name.

    Raises PermanentError when there is none, or when a file name is that of several keys.
    """
    named = ledgers.called(deployment, name, dataset)
    loaded = [item for item in named if item["status"] == "loaded"]
    if not loaded:
        raise PermanentError(f"{name!r} cannot be retracted: {_why_not(named)}")
    return ledgers.newest(loaded, name)


def plan(deployment: Deployment, contract: Contract, file: Item) -> Plan:
    """What a retraction of the file would do."""
    entries = ledgers.entries(deployment, contract.dataset)
    in_raw = backfill.keys_in_raw(deployment, contract.dataset)
    beneath = [item for item in entries if loads.may_lie_beneath(item, file)]
    sha256 = str(file["sha256"])
    refused = Selection(files=[sha256], resolved=True)
    return Plan(
        file=file,
        rows=_rows(deployment, contract.dataset, sha256),
        refused=quarantine_queries.count(deployment, contract.dataset, refused),
        beneath=[item for item in beneath if item["raw_key"] in in_raw],
        gone=[item for item in beneath if item["raw_key"] not in in_raw],
        corrections=[
            item
            for item in entries
            if item.get("replay_of") == sha256 and item["status"] == "loaded"
        ],
    )


def _rows(deployment: Deployment, dataset: str, sha256: str) -> int:
    own = f"{SOURCE_SHA256} = {lake.literal(sha256)}"
    sql = f"select count(*) from processed.{dataset} where {own}"  # noqa: S608 - names of a validated contract
    return sum(int(rows) for (rows,) in lake.rows_if_loaded(deployment, sql))


def _why_not(named: list[Item]) -> str:
    if not named:
        return "no file has this name, key or hash; `slipway files list` shows all"
    newest = max(named, key=lambda item: str(item["received_at"]))
    why = INSTEAD.get(str(newest["status"]), f"it is {newest['status']}")
    return why.format(hash=str(newest.get("sha256", ""))[: ledgers.SHORT_HASH])
