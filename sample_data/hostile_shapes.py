"""Hostile shapes: line ends, delimiters, headers, field counts, quotes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sample_data.hostile_draw import (
    LOADED,
    QUARANTINED,
    REJECTED,
    ROWS,
    Build,
    Draw,
    Made,
    plain,
    text,
    with_value,
)
from sample_data.sales_rows import COLUMNS

HEADER, LINE = "header", r"line \d+"


def line_ends(draw: Draw) -> Made:
    """One kind of line end, a mixture, none at the end, or too many of them."""
    lines = plain(draw).decode().splitlines()
    if draw.turn % 6 < 3:
        ends: Sequence[str] = [draw.pick(("\r\n", "\r", "\n"))] * len(lines)
    else:
        ends = [draw.random.choice(("\n", "\r\n", "\r")) for _ in lines]
    joined = "".join(line + end for line, end in zip(lines, ends, strict=True))
    return Made(
        body=draw.pick(
            (joined, joined.rstrip("\r\n"), joined + "\n\n \n", joined + "\r\n" * 50)
        ).encode()
    )


def blank_lines(draw: Draw) -> Made:
    """Lines of nothing or of blanks between the records are no records."""
    lines = plain(draw).decode().splitlines()
    at = draw.row()
    return Made(
        body="\n".join(
            [*lines[:at], *draw.pick((["", ""], [" "], ["\t"], [""] * 30)), *lines[at:]]
        ).encode()
    )


def other_delimiter(draw: Draw) -> Made:
    """Semicolons, tabs, pipes, and what spreadsheets put before them."""
    delimiter = draw.pick((";", "\t", "|", ":"))
    first_line = draw.pick(("", "sep=;\n", "#fields\n"))
    return Made(
        body=(first_line + text(draw.records(), delimiter=delimiter)).encode(),
        fates=REJECTED,
        place=HEADER,
    )


def columns_missing(draw: Draw) -> Made:
    """One or more columns are not there."""
    gone = draw.random.sample(range(len(COLUMNS)), draw.pick((1, 2, 7)))
    table = [COLUMNS, *draw.records()]
    kept = [[value for at, value in enumerate(record) if at not in gone] for record in table]
    return Made(body=text(kept[1:], header=kept[0]).encode(), fates=REJECTED, place=HEADER)


def columns_extra(draw: Draw) -> Made:
    """A column that the contract does not know, also one without a name."""
    name = draw.pick(
        ("Comment", "", " ", "Unnamed: 0", "=1+1", "Region.1", "\u202eEvil", "x" * 5000)
    )
    records = [[*record, "?"] for record in draw.records()]
    return Made(body=text(records, header=[*COLUMNS, name]).encode(), fates=REJECTED, place=HEADER)


def columns_of_nothing(draw: Draw) -> Made:
    """Delimiters behind the header and the records, or behind one of them: empty columns are none."""
    header, record = draw.pick(
        ((",,,", ",,,"), ("", ","), (",", ""), (",\u00a0", ", "), ("", ",,"))
    )
    first, *lines = plain(draw).decode().splitlines()
    return Made(body="\n".join([first + header, *(line + record for line in lines)]).encode())


def columns_repeated(draw: Draw) -> Made:
    """The same column twice, alike or in another spelling."""
    name = draw.pick(("Region", "region", "Total_Profit", " Order ID ", "ORDER-ID"))
    return Made(
        body=text([[*record, "1"] for record in draw.records()], header=[*COLUMNS, name]).encode(),
        fates=REJECTED,
        place=HEADER,
    )


def columns_reordered(draw: Draw) -> Made:
    """Any order is fine, and any spelling that differs in case, blanks and underscores only."""
    order = draw.random.sample(range(len(COLUMNS)), len(COLUMNS))
    spellings: tuple[Callable[[str], str], ...] = (
        str,
        str.upper,
        str.lower,
        _underscored,
        " {} ".format,
    )
    spell = draw.pick(spellings)
    table = [[record[at] for at in order] for record in draw.records()]
    return Made(body=text(table, header=[spell(COLUMNS[at]) for at in order]).encode())


def _underscored(name: str) -> str:
    return name.replace(" ", "_")


def header_only(draw: Draw) -> Made:
    """A header and no record; the blanks after it make each file its own."""
    rest = "\n" * (1 + draw.number % 500) + " " * (draw.number // 500)
    return Made(body=(",".join(COLUMNS) + rest).encode(), fates=REJECTED, place="header")


def no_header(draw: Draw) -> Made:
    """Records from the first line on."""
    return Made(body=plain(draw).split(b"\n", 1)[1], fates=REJECTED, place=HEADER)


def header_again(draw: Draw) -> Made:
    """The header once more in the middle, as joined files have it."""
    row = draw.row()
    lines = plain(draw).decode().splitlines()
    body = "\n".join([*lines[:row], lines[0], *lines[row:]]) + "\n"
    return Made(body=body.encode(), fates=QUARANTINED, rows=ROWS + 1, bad_rows=(row,))


def header_over_two_lines(draw: Draw) -> Made:
    """A column name with a line break in quotes."""
    header = ",".join(COLUMNS).replace("Order ID", '"Order\nID"')
    return Made(
        body=(header + "\n" + plain(draw).decode().split("\n", 1)[1]).encode(),
        fates=LOADED | REJECTED,
    )


def fields_missing_or_extra(draw: Draw) -> Made:
    """One record with too few or too many fields."""
    records, row = draw.records(), draw.row()
    whole = records[row - 1]
    records[row - 1] = draw.pick(
        (whole[:-1], whole[:1], [*whole, ""], [*whole, "x", "y"], whole[:7] + whole, [""] * 14)
    )
    return Made(body=text(records).encode(), fates=QUARANTINED, bad_rows=(row,))


def trailing_garbage(draw: Draw) -> Made:
    """A remark, a total or the end of a log after the last record."""
    ending = draw.pick(
        (
            "-- 20 rows exported --",
            "Total,,,,,,20",
            "EOF",
            "# end of file",
            "(20 rows affected)",
            "\\.",
        )
    )
    return Made(
        body=plain(draw) + ending.encode(), fates=QUARANTINED, rows=ROWS + 1, bad_rows=(ROWS + 1,)
    )


def huge_field(draw: Draw) -> Made:
    """A text of ten thousand to two million characters: too long for the column, or for any reader."""
    length = draw.pick((10_000, 120_000, 200_000, 2_000_000))
    changed, row = with_value(draw, "Country", draw.pick(("x", "é", "😀")) * length)
    if length < 131_072:  # the longest field that Python's csv module takes (csv.field_size_limit)
        return Made(body=changed.encode(), fates=QUARANTINED, bad_rows=(row,))
    return Made(body=changed.encode(), fates=REJECTED, place=LINE)


def thousands_of_columns(draw: Draw) -> Made:
    """Ten thousand columns in the header, or in one record; and more than any reader takes."""
    many = draw.pick((10_000, 19_000, 25_000))
    if draw.turn % 2 == 0:
        header = [
            *COLUMNS,
            *(f"extra column {index} of file {draw.number}" for index in range(many)),
        ]
        return Made(
            body=text(draw.records(), header=header).encode(), fates=REJECTED, place=r"header|line"
        )
    records, row = draw.records(), draw.row()
    records[row - 1] += [""] * many
    if many > 20_000:
        return Made(body=text(records).encode(), fates=REJECTED, place=LINE)
    return Made(body=text(records).encode(), fates=QUARANTINED, bad_rows=(row,))


def quote_never_closed(draw: Draw) -> Made:
    """A quote opens and the file ends."""
    changed, _ = with_value(draw, "Country", "@@")
    opened = draw.pick(('"Japan', '"Ja""pan', '"', '"\n'))
    return Made(body=changed.replace("@@", opened).encode(), fates=REJECTED, place=LINE)


def text_after_a_quote(draw: Draw) -> Made:
    """Characters between a closing quote and the next delimiter."""
    changed, _ = with_value(draw, "Country", "@@")
    return Made(
        body=changed.replace("@@", draw.pick(('"Ja"pan', '"Japan" ', '"Ja" "pan"'))).encode(),
        fates=REJECTED,
        place=LINE,
    )


def odd_quotes(draw: Draw) -> Made:
    """Quotes, backslashes and delimiters that RFC 4180 allows."""
    changed, _ = with_value(draw, "Country", "@@")
    variants = (
        '"Ja""pan"',
        '"Japan, East"',
        'Ja"pan',
        "Ja'pan",
        '"Japan\\"',
        "Ja\\npan",
        "\\N",
        '"#Japan"',
    )
    return Made(body=changed.replace("@@", draw.pick(variants)).encode())


def value_over_lines(draw: Draw) -> Made:
    """A quoted value with a line break; with other line ends beside it nobody could say where records end."""
    changed, _ = with_value(draw, "Country", "@@")
    if draw.turn % 3 == 2:
        body = changed.replace("\n", "\r\n", 3).replace("@@", '"Ja\npan"')
        return Made(body=body.encode(), fates=REJECTED, place=LINE)
    return Made(
        body=changed.replace("@@", draw.pick(('"Ja\npan"', '"Japan\n\n"', '"\nJapan,\n"'))).encode()
    )


SHAPE_KINDS: dict[str, Build] = {
    build.__name__: build
    for build in (
        line_ends, blank_lines, other_delimiter, columns_missing, columns_extra, columns_of_nothing, columns_repeated,
        columns_reordered, header_only, no_header, header_again, header_over_two_lines, fields_missing_or_extra,
        trailing_garbage, huge_field, thousands_of_columns, quote_never_closed, text_after_a_quote, odd_quotes,
        value_over_lines,
    )
}  # fmt: skip
