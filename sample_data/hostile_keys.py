"""Hostile names: object keys that S3 takes and file systems, URLs, globs or ledgers may not.

Most cannot be written over SFTP; they are what a landing bucket may hold after a copy or a mistake.
"""

from __future__ import annotations

from sample_data.hostile_draw import LOADED, REJECTED, Build, Draw, Fate, Made, plain

FOLDER = "partners/acme/sales_records/"
LONGEST_KEY_BYTES = 1024  # S3 user guide, "Naming Amazon S3 objects"
PRINTABLE = (
    "a b c{}.csv", "a+b{}.csv", "a%20b{}.csv", "a%2Fb{}.csv", "a%00{}.csv", "a%zz{}.csv", "100%{}.csv", "ümläut{}.csv",
    "u\u0308{}.csv", "売上{}.csv", "😀{}.csv", "a*?[b]{{c}}{}.csv", "a'b\"c{}.csv", "a;b&c=d{}.csv", "$(id){}.csv",
    "`id`{}.csv", ".hidden{}.csv", "-rf{}.csv", "a=b#c{}.csv", "UPPER{}.CSV", "mixed{}.CsV", "twice{}.csv.csv",
    "back\\slash{}.csv", "a:b{}.csv", "con{}.csv", "a..b{}.csv", "...{}.csv", "a,b{}.csv", "a@b!{}.csv", "~{}.csv",
    "a|b<c>{}.csv", "ingest_date=2024-01-01{}.csv", "a {}.csv", "{} .csv", "?versionId=null&{}.csv", "_{}.csv",
)  # fmt: skip
UNPRINTABLE = (
    "tab\t{}.csv",
    "line\n{}.csv",
    "bell\x07{}.csv",
    "nbsp\u00a0{}.csv",
    "rtl\u202e{}.csv",
    "zero\u200b{}.csv",
    "sep\u2028{}.csv",
)
ELSEWHERE = (
    "partners/acme/sales_records/../../x{}.csv", "partners/acme/sales_records/sub/{}.csv", "partners/acme/{}.csv",
    "partners/acme/other/{}.csv", "partners/acme/sales_records//{}.csv", "partners/acme/SALES_RECORDS/{}.csv",
    "partners/acme/sales_records/./{}.csv", "partners/{}.csv", "partners/acme/sales_records/%2e%2e/{}.csv",
    "partners/acme/sales_records /{}.csv",
)  # fmt: skip
ODD_PARTNERS = ("..", "a b", "%2e%2e", "ä", "acme+1", ".")
OTHER_SUFFIXES = (
    "{}.txt",
    "{}.xlsx",
    "{}",
    "{}.csv.zip",
    "{}.csv~",
    "{}.csv ",
    "{}.tsv",
    "{}.gz",
    "{}.csv.gpg",
    "{}.csv.",
)


def odd_name(draw: Draw) -> Made:
    """A name that can be printed."""
    return Made(body=plain(draw), key=FOLDER + draw.pick(PRINTABLE).format(draw.number))


def unprintable_name(draw: Draw) -> Made:
    """A name with characters that nobody sees."""
    return Made(
        body=plain(draw),
        fates=REJECTED,
        place="name",
        key=FOLDER + draw.pick(UNPRINTABLE).format(draw.number),
    )


def other_suffix(draw: Draw) -> Made:
    """A name whose ending is not agreed."""
    key = FOLDER + draw.pick(OTHER_SUFFIXES).format(draw.number)
    return Made(body=plain(draw), fates=REJECTED, place="end with", key=key)


def other_place(draw: Draw) -> Made:
    """A key outside every dataset's folder."""
    return Made(
        body=plain(draw),
        fates=REJECTED,
        place="folder",
        key=draw.pick(ELSEWHERE).format(draw.number),
    )


def odd_partner(draw: Draw) -> Made:
    """A partner's folder with an odd name: the dataset's folder below it decides."""
    return Made(
        body=plain(draw), key=f"partners/{draw.pick(ODD_PARTNERS)}/sales_records/{draw.number}.csv"
    )


def longest_key(draw: Draw) -> Made:
    """A key as long as S3 allows, in letters of one to four bytes; also with content that is refused."""
    letter, suffix = draw.pick(("x", "é", "東", "😀")), f"{draw.number}.csv"
    room = LONGEST_KEY_BYTES - len(FOLDER) - len(suffix)
    count = room // len(letter.encode())
    filled = FOLDER + letter * count
    key = filled + "y" * (LONGEST_KEY_BYTES - len(filled.encode()) - len(suffix)) + suffix
    fates: frozenset[Fate] = LOADED if draw.turn % 2 else REJECTED
    body = plain(draw) if draw.turn % 2 else b"\x00" + plain(draw)
    return Made(body=body, fates=fates, place="byte", key=key)


KEY_KINDS: dict[str, Build] = {
    build.__name__: build
    for build in (odd_name, unprintable_name, other_suffix, other_place, odd_partner, longest_key)
}
