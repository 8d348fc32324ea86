"""Six files that refer to each other, the children before their parents, into six datasets and three marts.

Then one line of an order is corrected, and only its month of the sales is written again. In the end each mart, asked by
Athena, is compared with what plain Python makes of the files (sample_data.marketplace).
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from contracts import marts, model, naming
from contracts.errors import PermanentError
from sample_data import marketplace
from slipway.acting import partner, progress
from slipway.console import Stopwatch
from slipway.deployment import Deployment
from slipway.reading import executions, lake, ledgers
from slipway.reading import marts as mart_runs

PARTNER = "acme"
FOLDER = Path("examples") / "marketplace"
CHILDREN, PARENTS = marketplace.NAMES[:3], marketplace.NAMES[3:]
CORRECTED = "order_items"
PATIENCE = 20  # times that a mart, which other runs hold, is asked again
MOST_NAMED = 3


# What the newest run of each dataset found; its table rules are about the whole table.
FINDINGS = """
    select '{dataset}' as dataset, rule_id, rows_failed, rows_checked
    from processed.{dataset}_quality
    where rows_failed > 0 and run_id = (select max(run_id) from processed.{dataset}_quality)
"""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Rows of a dataset that break a rule, and keep their place: rules of the example warn."""

    dataset: str
    rule_id: str
    rows_failed: int
    rows_checked: int


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A mart: its rows, what its last run wrote, and how it differs from the files (empty when it does not)."""

    mart: str
    rows: int
    detail: str
    differences: tuple[str, ...]


def is_told_here() -> bool:
    """Whether this project has the six datasets and the three marts."""
    return {*marketplace.NAMES} <= {*model.datasets()} and {*marketplace.MARTS} <= {*marts.names()}


def tell(deployment: Deployment, watch: Stopwatch, folder: Path) -> list[Compared]:
    """Send what is in `folder`, compute the marts, send a correction, compute them again and compare.

    Raises PermanentError when a file or a mart meets another fate than it should.
    """
    files = marketplace.read(folder)
    watch.say("lines, payments and returns come first: the orders that they name are not there yet")
    _send(deployment, watch, [folder / f"{name}.csv" for name in CHILDREN])
    _send(deployment, watch, [folder / f"{name}.csv" for name in PARENTS])
    watch.say("all six are loaded; the marts follow by themselves, and once more by hand")
    for name in marketplace.MARTS:
        _compute(deployment, name)
    first = [_compared(deployment, name, files) for name in marketplace.MARTS]
    _raise_on([difference for each in first for difference in each.differences])
    watch.say("marts agree with the files; the shop corrects one line")
    with tempfile.TemporaryDirectory() as made:
        correction = Path(made) / f"{CORRECTED}.csv"
        correction.write_text(marketplace.written(marketplace.corrected(files)))
        _send(deployment, watch, [correction])
    for name in marketplace.MARTS:
        _compute(deployment, name)
    return [
        _compared(deployment, name, marketplace.with_corrected(files)) for name in marketplace.MARTS
    ]


def findings(deployment: Deployment) -> list[Finding]:
    """What each dataset's newest run found wrong with its rows."""
    asked = " union all ".join(FINDINGS.format(dataset=name) for name in marketplace.NAMES)
    answer = lake.query(deployment, f"{asked} order by 1, 2")
    return [
        Finding(
            dataset=row.dataset,
            rule_id=row.rule_id,
            rows_failed=int(row.rows_failed),
            rows_checked=int(row.rows_checked),
        )
        for row in answer.itertuples(index=False)
    ]


def _send(deployment: Deployment, watch: Stopwatch, files: Collection[Path]) -> None:
    """Deliver files by SFTP, each to the dataset of its name, and wait until they are loaded."""
    following = progress.begin(deployment, lambda _step: None)
    before = {fate.delivery for file in files for fate in ledgers.files(deployment, file.stem)}
    with partner.connected(partner.endpoint(deployment, user=PARTNER, identity=None)) as sftp:
        for file in files:
            partner.send(sftp, file, folder=model.load(file.stem).intake.folder)
    for file in files:
        key = naming.landing_folder(PARTNER, model.load(file.stem).intake.folder) + file.name
        outcome = progress.until_fates(following, dataset=file.stem, awaited={key}, known=before)
        _raise_on(
            [
                f"{fate.file_name} is {fate.status}: {fate.explanation}"
                for fate in outcome.fates
                if fate.status != "loaded"
            ]
        )
        [fate] = outcome.fates
        watch.say(f"{file.name}: {fate.rows_loaded:,} rows loaded")


def _compute(deployment: Deployment, mart: str) -> None:
    """One run of a mart over what is published now; others may hold it meanwhile."""
    for _ in range(PATIENCE):
        arn = executions.start(deployment, "mart", {"mart": mart})
        ending = executions.wait(deployment, arn, lambda _step: None)
        if not ending.succeeded:
            raise PermanentError(f"a run of {mart} failed: slipway mart show {mart}")
        if ending.output["status"] != "busy":
            return
    raise PermanentError(f"{mart} was busy {PATIENCE} times: slipway mart show {mart}")


def _compared(deployment: Deployment, mart: str, files: marketplace.Files) -> Compared:
    columns = ", ".join(f"cast({each.name} as varchar)" for each in marts.load(mart).columns)
    answer = lake.query(deployment, f"select {columns} from curated.{mart}")  # noqa: S608 - names of the example
    here = sorted(tuple(map(str, row)) for row in answer.itertuples(index=False))
    there = marketplace.MARTS[mart](files)
    differences = tuple(
        f"{mart}: {len(rows)} rows are {what}, such as {sorted(rows)[:MOST_NAMED]}"
        for what, rows in (
            ("only in the files", {*there} - {*here}),
            ("only in the mart", {*here} - {*there}),
        )
        if rows
    )
    runs = [
        run for run in mart_runs.one(deployment, mart).runs if run.get("outcome") == "published"
    ]
    detail = str(runs[0].get("detail", "")) if runs else "never published"
    return Compared(mart=mart, rows=len(here), detail=detail, differences=differences)


def _raise_on(problems: list[str]) -> None:
    if problems:
        raise PermanentError("\n".join(problems))
