"""The cost table of docs/deployment.md, from templates and pricing/: `python -m tests.infrastructure.cost_page`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pricing import price_list, templates, volume
from pricing.comparison import usd
from pricing.estimate import Estimate, Kind, Range, total
from pricing.estimating import estimate
from tests.infrastructure.support import ROOT, Assembly, synthesize, synthesize_comprehensive

PAGE = ROOT / "docs" / "deployment.md"
SECTION = re.compile(r"(<!-- cost: generated -->\n).*(<!-- cost: end -->)", re.DOTALL)
COMMAND = "python -m tests.infrastructure.cost_page"
EXAMPLE = price_list.FILE.with_name("example_volume.yaml")
COLUMNS: tuple[tuple[str, Kind], ...] = (
    ("prod", "idle"),
    ("comprehensive", "idle"),
    ("prod", "volume"),
    ("comprehensive", "volume"),
)


def priced(assembly: Assembly) -> Estimate:
    """An assembly under the example volume, whose second dataset is the assembly's own."""
    month = volume.load(EXAMPLE, ("sales_records", "superstore"))
    return estimate(templates.read(assembly.folder), price_list.load(), month)


def table(estimates: Mapping[str, Estimate]) -> str:
    """The section between the marks: a row for each service, in USD a month."""
    used = [line.price.service for each in estimates.values() for line in each.lines]
    rows = [
        f"| {service} | {' | '.join(_cells(estimates, service))} |" for service in sorted({*used})
    ]
    sums = (f"**{usd(estimates[name].total(kind))}**" for name, kind in COLUMNS)
    head = "| service | idle, as shipped | idle, every feature | example volume, as shipped | every feature |"
    return "\n".join(
        [head, "|---|--:|--:|--:|--:|", *rows, f"| **sum** | {' | '.join(sums)} |", ""]
    )


def current(text: str, estimates: Mapping[str, Estimate]) -> str:
    """The page with the section as it must be."""
    return SECTION.sub(lambda found: f"{found[1]}{table(estimates)}{found[2]}", text)


def _cells(estimates: Mapping[str, Estimate], service: str) -> list[str]:
    amounts = (_of(estimates[name], kind, service) for name, kind in COLUMNS)
    return [usd(amount) for amount in amounts]


def _of(found: Estimate, kind: Kind, service: str) -> Range:
    return total(line for line in found.of_kind(kind) if line.price.service == service)


def main() -> None:
    """Write the page anew."""
    with tempfile.TemporaryDirectory() as folder:
        shipped = synthesize(Path(folder) / "prod", environment="prod")
        full = synthesize_comprehensive(Path(folder) / "comprehensive")
        estimates = {"prod": priced(shipped), "comprehensive": priced(full)}
    PAGE.write_text(current(PAGE.read_text(encoding="utf-8"), estimates), encoding="utf-8")


if __name__ == "__main__":
    main()
