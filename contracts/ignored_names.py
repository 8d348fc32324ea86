"""Names that are no delivery: what clients write while they upload, and markers that other software leaves.

Intake records such an object as ignored and alerts nobody; `slipway upload` refuses such a name before it sends it. A
suffix that a contract takes is a delivery whatever this list says. Anything that is not listed is a delivery: a file
that is rejected in vain costs a message, one that is ignored in vain is lost without a word.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# WinSCP (.filepart), Firefox (.part), Chrome (.crdownload), Safari (.download), Opera (.opdownload), aria2 (.aria2),
# Spring Integration (.writing), FreeFileSync (.ffs_tmp), Hadoop (._COPYING_), vim (.swp), and what people choose.
TEMPORARY_SUFFIXES = (
    *(
        ".part",
        ".filepart",
        ".partial",
        ".tmp",
        ".temp",
        ".crdownload",
        ".download",
        ".opdownload",
        ".aria2",
    ),
    *(
        ".writing",
        ".ffs_tmp",
        "._copying_",
        ".swp",
        ".incomplete",
        ".inprogress",
        ".uploading",
        ".lock",
        ".lck",
    ),
)
# lftp: `.in.NAME` with or without a last dot (xfer:temp-file-name); rsync: `.NAME.` and six characters (mkstemp).
TEMPORARY_NAMES = re.compile(r"\.in\..+|\..+\.[a-z0-9]{6}", re.ASCII)
# Flags that a file is complete, and checksums beside it.
MARKER_SUFFIXES = (
    *(".done", ".ok", ".ready", ".complete", ".fin", ".trg", ".trigger", ".flag"),
    *(".md5", ".sha1", ".sha256", ".sha512", ".crc", ".sfv"),
)
MARKER_NAMES = frozenset(
    {"_success", "_failure", "_temporary", ".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini"}
)
# Spark's commit protocol on Databricks; AppleDouble; Microsoft Office and LibreOffice while a document is open.
MARKER_BEGINNINGS = ("_started_", "_committed_", "._", "~$", ".~lock.")

TEMPORARY = "a temporary name: the delivery is what it is renamed to"
MARKER = "a marker of other software, not data"


def why_ignored(file_name: str, suffixes: Collection[str] = ()) -> str | None:
    """Why nobody takes a file of this name for a delivery, as a noun phrase; None for a delivery.

    `suffixes` are those that the contract of its folder takes. Upper and lower case do not count.
    """
    name = file_name.casefold()
    if name.startswith(MARKER_BEGINNINGS) or name in MARKER_NAMES:
        return MARKER
    if any(name.endswith(suffix.casefold()) for suffix in suffixes):
        return TEMPORARY if name.startswith(".in.") else None
    if name.endswith(TEMPORARY_SUFFIXES) or TEMPORARY_NAMES.fullmatch(name):
        return TEMPORARY
    return MARKER if name.endswith(MARKER_SUFFIXES) else None
