"""The plan of an extract, as people review it."""

from __future__ import annotations

from slipway.console import say, table
from sources.fetches import Fetch
from sources.plans import Plan, PlannedPart

KIB = 1024


def show(plan: Plan, under_way: Fetch | None) -> None:
    """What is read, in how many queries and which, what is compared, and what has changed in the table."""
    outlook = plan.outlook
    say(
        f"plan {plan.seal} of {plan.source}: {plan.table} into {plan.dataset} {plan.contract_version}"
    )
    if under_way:
        say(
            f"a fetch is under way since {under_way.started_at}; this is what one after it would do"
        )
    say(
        f"reads {_since(plan)}; the next one after it reads since {outlook.next_watermark or 'the same'}"
    )
    known = f"{outlook.table_rows:,} rows" if outlook.table_rows is not None else "never analysed"
    say(f"the table: {known}, {_bytes(outlook.table_bytes)}, by PostgreSQL's statistics")
    say(
        f"no query longer than {plan.statement_seconds} s, none waits longer than {plan.lock_seconds} s for a lock;"
        f" chunks of {plan.chunk_rows:,} rows, all in one snapshot"
    )
    say(_deletes(plan))
    for note in outlook.notes:
        say(f"note: {note}")
    say("")
    _changes(plan)
    table("columns", ("contract", "table", "type"), outlook.columns)
    if outlook.parts:
        rows = [_row(part) for part in outlook.parts]
        table(
            "what is read, as the planner expects it",
            ("part", "rows", "bytes", "chunks"),
            rows,
            right=(1, 2, 3),
        )
    queries = [("keys", query) for query in outlook.key_queries]
    queries += [(part.part, query) for part in outlook.parts for query in part.queries]
    if queries:
        say("queries of the first chunk; later ones begin after its last row:")
    for part, query in queries:
        say(f"  {part}, {query.purpose}:")
        say(f"    {query.text}")
    say("")
    say(_next(plan))


def _since(plan: Plan) -> str:
    return "everything" if plan.since is None else f"what changed since {plan.since}"


def _deletes(plan: Plan) -> str:
    if plan.most_deleted_share is None:
        return "deleted rows: not looked for (postgres.maxDeletedShare)"
    limit = f"more than {plan.most_deleted_share:.2%} gone refuses the extract"
    if plan.known_keys is None:
        return f"deleted rows: keys are kept for the first time; from the next one on {limit}"
    return f"deleted rows: compared with the {plan.known_keys:,} keys of fetch {plan.known_keys_of}; {limit}"


def _changes(plan: Plan) -> None:
    outlook = plan.outlook
    rows = [("breaking", text) for text in outlook.refusals]
    rows += [("safe, left out", text) for text in outlook.additions]
    if rows:
        table("changes of the table", ("kind", "what"), rows)
    else:
        say("changes of the table: none")


def _row(part: PlannedPart) -> tuple[str, str, str, str]:
    return part.part, f"{part.rows:,}", _bytes(part.rows * part.row_bytes), f"{part.chunks:,}"


def _bytes(number: int) -> str:
    """Of estimates, so without more digits than they have."""
    if number < KIB:
        return f"{number} B"
    return f"{number / KIB:,.0f} KiB" if number < KIB * KIB else f"{number / KIB / KIB:,.0f} MiB"


def _next(plan: Plan) -> str:
    if plan.outlook.refusals:
        return f"Nothing would be read. Correct sources/{plan.source}.yaml or the table, then plan again."
    return f"Next: slipway source run {plan.source} --plan {plan.seal}"
