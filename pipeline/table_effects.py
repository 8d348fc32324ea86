"""What loads did to a table, as the ledgers keep it and as people read it: whose rows were replaced, by partner.

A job knows rows by their files only. The file ledger knows who delivered a file, so partners are looked up when a run
is closed. A correction counts as of the partner whose file it corrects: nobody's rows are replaced by another there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from contracts import naming
from pipeline.ledger import FileLedger, Item, file_entry, timestamp
from pipeline.run_documents import LoadResult, Manifest, TableEffect

# Counts by the names under which a ledger keeps them; those that are 0 are left out.
COUNTS = {
    "new": "new",
    "replaced": "replaced",
    "unchanged": "with the values that the table had",
    "kept": "as the table had them from this file",
    "repeated_equal": "repeated in the file",
    "repeated_different": "gave way to a row of the same file with other values",
    "outdated": "gave way to a newer file",
}
BY_PARTNER = "of"  # rows that were replaced, by the partner who delivered them
TURNED_BACK = "turned_back"  # rows replaced by a content that was loaded before and came again
OF_OTHERS = "of_others"  # those of them that a different partner had delivered
UNKNOWN_PARTNER = "unknown"


@dataclass(frozen=True, kw_only=True)
class Partners:
    """Who delivered a file, by the file ledger; each file is looked up once."""

    files: FileLedger
    dataset: str
    _known: dict[str, Item] = field(default_factory=dict)

    def of(self, sha256: str) -> str:
        """The partner of a file; of a correction, the partner whose file it corrects."""
        item = self._entry(sha256)
        if origin := item.get("replay_of"):
            item = self._entry(origin)
        return naming.partner_of(item["landing_key"]) if item else UNKNOWN_PARTNER

    def comes_again(self, sha256: str) -> bool:
        """Whether the content of the file was loaded before, as an earlier delivery."""
        return "content_sha256" in self._entry(sha256)

    def _entry(self, sha256: str) -> Item:
        if sha256 not in self._known:
            found = self.files.get(self.dataset, file_entry(sha256))
            self._known[sha256] = found or {}
        return self._known[sha256]


def kept(effect: TableEffect, sha256: str, partners: Partners) -> Item:
    """The effect of the file `sha256` as a ledger keeps it; partners are looked up only where rows were replaced."""
    counts = {name: getattr(effect, f"rows_{name}") for name in COUNTS}
    by_partner: dict[str, int] = {}
    for file in effect.replaced_files:
        if file.rows_replaced:
            partner = partners.of(file.sha256)
            by_partner[partner] = by_partner.get(partner, 0) + file.rows_replaced
    found: Item = {name: rows for name, rows in counts.items() if rows}
    if by_partner:
        own = partners.of(sha256)
        others = sum(rows for partner, rows in by_partner.items() if partner != own)
        found |= {BY_PARTNER: by_partner, **({OF_OTHERS: others} if others else {})}
        if partners.comes_again(sha256):
            found[TURNED_BACK] = found["replaced"]
    return found


def mark_replaced(files: FileLedger, manifest: Manifest, result: LoadResult) -> None:
    """Note in the ledger whose rows this run replaces, so that intake loads those contents again when they come again.

    One that came again already, after what replaces it, was taken for a duplicate: it returns. All is noted before
    anything is published: a mark too many makes a delivery be loaded that changes nothing, one too few would drop it.
    CloseRun notes it again, since a run may be resumed after its gate.
    """
    received = {
        file.sha256: timestamp(file.received_at.replace(tzinfo=UTC)) for file in manifest.files
    }
    for file in result.files:
        for replaced in file.effect.replaced_files:
            known = files.mark_replaced(
                manifest.dataset,
                replaced.sha256,
                by=file.sha256,
                received_at=received[file.sha256],
            )
            if known is not None:
                files.let_return(known)


def added(effects: Iterable[Mapping[str, Any]]) -> Item:
    """The effect of all files of a run, in the form of `kept`."""
    total: Item = {}
    by_partner: dict[str, int] = {}
    for effect in effects:
        for name in (*COUNTS, OF_OTHERS, TURNED_BACK):
            if effect.get(name):
                total[name] = total.get(name, 0) + int(effect[name])
        for partner, rows in effect.get(BY_PARTNER, {}).items():
            by_partner[partner] = by_partner.get(partner, 0) + int(rows)
    return {**total, **({BY_PARTNER: by_partner} if by_partner else {})}


def in_words(effect: Mapping[str, Any]) -> str:
    """`30 new, 12 replaced (acme 10, beta 2)`; "" for an effect without any rows."""
    return ", ".join(_counted(effect))


def needs_a_look(effect: Mapping[str, Any]) -> bool:
    """Whether a file replaced what a different partner delivered, brought back old values, or contradicts itself."""
    return any(effect.get(name) for name in (OF_OTHERS, TURNED_BACK, "repeated_different"))


def _counted(effect: Mapping[str, Any]) -> Iterator[str]:
    for name, words in COUNTS.items():
        if effect.get(name):
            whose = _whose(effect) if name == "replaced" else ""
            yield f"{int(effect[name])} {words}{whose}"


def _whose(effect: Mapping[str, Any]) -> str:
    """Whose rows were replaced, the partner with the most first, and how many by older values."""
    parts = sorted(effect.get(BY_PARTNER, {}).items(), key=lambda part: (-int(part[1]), part[0]))
    told = [", ".join(f"{partner} {int(rows)}" for partner, rows in parts)] if parts else []
    if effect.get(TURNED_BACK):
        told.append(f"{int(effect[TURNED_BACK])} back to the values of an earlier delivery")
    return f" ({'; '.join(told)})" if told else ""
