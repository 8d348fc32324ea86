"""`python -m sample_data.generate --seed 7 --months 24 --rows 100000 --out DIR`: sales files with known fates.

Monthly files in the dialects that partners use, a file with ten broken rows, a month sent again under another name and
a picture called .csv. The same arguments give the same bytes. `--samples` rewrites the small committed files instead.
"""

from __future__ import annotations

import argparse
import shutil
import struct
import zlib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from sample_data.broken import BrokenRow, break_rows
from sample_data.sales_rows import Span, Style, Written, write_file

FIRST_MONTH = date(2023, 1, 1)
BROKEN_FILE_ROWS = 500  # ten broken ones are 2 %, below the share at which a run halts
REPEATS = 5
SAMPLE_SERIAL = 800_000_000  # orders of the committed samples never meet those of a generated set
HERE = Path(__file__).parent

# The dialect of the n-th month; months beyond the list alternate between the first two.
STYLES = (
    Style(),
    Style(underscores=True, id_column=True, crlf=True),
    Style(bom=True),
    Style(underscores=True),
    Style(quote_all=True),
    Style(underscores=True, reversed_columns=True),
    Style(gzipped=True),
)


@dataclass(frozen=True, kw_only=True)
class SampleFile:
    """A file and what must become of it when the set is uploaded in order.

    Of its `rows` records `quarantined` break the contract and `deduplicated` are replaced by a later record of the same
    file; `totals` are the money of those loaded. A file that is not loaded has rows and totals of zero.
    """

    path: Path
    fate: Literal["loaded", "duplicate", "rejected"]
    rows: int
    quarantined: int
    deduplicated: int
    totals: dict[str, Decimal]

    @property
    def name(self) -> str:
        """File name."""
        return self.path.name

    @property
    def loaded(self) -> int:
        """Records that reach the table."""
        return self.rows - self.quarantined - self.deduplicated


@dataclass(frozen=True, kw_only=True)
class SampleSet:
    """All files in the order in which they are to be uploaded, and the faults of the broken one."""

    files: tuple[SampleFile, ...]
    broken: tuple[BrokenRow, ...]

    @property
    def totals(self) -> dict[str, Decimal]:
        """Money that must be in the table once everything is loaded."""
        names = ("total_revenue", "total_cost", "total_profit")
        zero = Decimal("0.00")
        return {
            name: sum((file.totals.get(name, zero) for file in self.files), zero) for name in names
        }


def generate(out: Path, seed: int, months: int, rows: int) -> SampleSet:
    """Write the sample set to `out`, with about `rows` records over `months` monthly files.

    Raises ValueError when there are too few rows for the months.
    """
    if months < 1 or rows < months * 2 * REPEATS:
        raise ValueError(
            f"months={months}, rows={rows}: at least one month and {2 * REPEATS} rows a month are needed"
        )
    out.mkdir(parents=True, exist_ok=True)
    monthly = [_month(out, seed, index, months, rows) for index in range(months)]
    broken_file, broken = _broken(out, seed, months, rows)
    again = out / f"resent_{FIRST_MONTH:%Y_%m}.csv"
    shutil.copyfile(monthly[0].path, again)
    picture = out / "holiday_photo.csv"
    picture.write_bytes(_png())
    unloaded = {"rows": 0, "quarantined": 0, "deduplicated": 0}
    return SampleSet(
        files=(
            *monthly,
            broken_file,
            SampleFile(path=again, fate="duplicate", totals={}, **unloaded),
            SampleFile(path=picture, fate="rejected", totals={}, **unloaded),
        ),
        broken=tuple(broken),
    )


def write_big_file(
    path: Path, *, rows: int, seed: int, months: int = 24, first: date = FIRST_MONTH
) -> Written:
    """One plain file of `rows` records spread over `months` months, for benchmarks."""
    return write_file(path, rows=rows, span=Span(first=first, months=months), seed=f"{seed}/big")


def write_samples(folder: Path) -> list[BrokenRow]:
    """The small committed samples: 20 valid records, and 200 of which ten are broken."""
    span = Span(first=FIRST_MONTH, months=6)
    write_file(
        folder / "sales_records_valid.csv",
        rows=20,
        span=span,
        seed="valid",
        first_serial=SAMPLE_SERIAL,
    )
    whole = folder / "sales_records_broken.csv"
    write_file(whole, rows=200, span=span, seed="broken", first_serial=SAMPLE_SERIAL + 20)
    return break_rows(whole, whole)


def _month(out: Path, seed: int, index: int, months: int, rows: int) -> SampleFile:
    month = FIRST_MONTH.month - 1 + index
    first = date(FIRST_MONTH.year + month // 12, month % 12 + 1, 1)
    style = STYLES[index] if index < len(STYLES) else STYLES[index % 2]
    share = rows * (index + 1) // months - rows * index // months
    path = out / f"sales_{first:%Y_%m}.csv{'.gz' if style.gzipped else ''}"
    written = write_file(
        path,
        rows=share,
        span=Span(first=first),
        seed=f"{seed}/{first}",
        first_serial=rows * index // months,
        style=style,
        repeats=REPEATS if index % 4 == 3 else 0,
    )
    return SampleFile(
        path=path,
        fate="loaded",
        rows=share,
        quarantined=0,
        deduplicated=written.superseded,
        totals=written.totals,
    )


def _broken(out: Path, seed: int, months: int, rows: int) -> tuple[SampleFile, list[BrokenRow]]:
    path = out / "broken_rows.csv"
    span = Span(first=FIRST_MONTH, months=months)
    write_file(path, rows=BROKEN_FILE_ROWS, span=span, seed=f"{seed}/broken", first_serial=rows)
    before = _money_by_record(path)
    broken = break_rows(path, path)
    bad = {row.row for row in broken}
    kept = [amounts for number, amounts in enumerate(before, start=1) if number not in bad]
    revenue, cost, profit = (sum(column, Decimal("0.00")) for column in zip(*kept, strict=True))
    totals = {"total_revenue": revenue, "total_cost": cost, "total_profit": profit}
    file = SampleFile(
        path=path,
        fate="loaded",
        rows=BROKEN_FILE_ROWS,
        quarantined=len(broken),
        deduplicated=0,
        totals=totals,
    )
    return file, broken


def _money_by_record(path: Path) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Revenue, cost and profit of each record of a plain file that ends with these three columns."""
    records = path.read_text(encoding="utf-8").splitlines()[1:]
    last_three = (record.rsplit(",", 3)[1:] for record in records)
    return [
        (Decimal(revenue), Decimal(cost), Decimal(profit)) for revenue, cost, profit in last_three
    ]


def _png() -> bytes:
    """A picture of 16 x 16 grey points: a real PNG, which no CSV reader should take for a table."""
    size = 16
    header = struct.pack(
        ">IIBBBBB", size, size, 8, 0, 0, 0, 0
    )  # 8 bits, greyscale (PNG specification, section 11.2.1)
    points = zlib.compress(b"".join(b"\x00" + bytes(range(0, 256, size)) for _ in range(size)))
    chunks = ((b"IHDR", header), (b"IDAT", points), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the set and print each file with its expected fate."""
    parser = argparse.ArgumentParser(prog="python -m sample_data.generate", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--out", type=Path, help="folder for the files")
    parser.add_argument(
        "--samples", action="store_true", help="rewrite the small committed samples"
    )
    options = parser.parse_args(arguments)
    if options.samples:
        write_samples(HERE)
        return 0
    if options.out is None:
        parser.error("--out DIR is needed: the folder for the files")
    for file in generate(options.out, options.seed, options.months, options.rows).files:
        print(
            f"{file.name:24} {file.fate:10} rows {file.rows:>7}  quarantined {file.quarantined:>3}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
