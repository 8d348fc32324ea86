"""What must hold in a source that is a table of a database, beyond its shape."""

from __future__ import annotations

import re

from contracts.authoring.problems import did_you_mean
from contracts.headers import may_lack
from contracts.model import Contract
from sources.authoring import profile
from sources.authoring.names import SECRET
from sources.authoring.parsed import ParsedSource

# schema.table, each as PostgreSQL stores it: at most 63 bytes. Source: PostgreSQL manual, "Identifiers and Key Words".
TABLE = re.compile(r"[^.\x00]{1,63}\.[^.\x00]{1,63}")


def check_postgres(parsed: ParsedSource, contract: Contract | None) -> None:
    """Record every mistake of meaning in `postgres` and in `fields`."""
    postgres, problem = parsed.postgres, parsed.document.problem
    if postgres is not None:
        if not SECRET.fullmatch(postgres.secret):
            message = f"found {postgres.secret!r}; expected the name of a secret of Secrets Manager, no ARN"
            problem(("postgres", "secret"), message)
        if not TABLE.fullmatch(postgres.table):
            message = f"found {postgres.table!r}; expected schema.table, such as public.orders"
            problem(("postgres", "table"), message)
        if contract is not None and postgres.max_deleted_share is not None:
            _check_kept_keys(parsed, contract)
    if contract is not None and isinstance(parsed.spec, profile.PostgresSourceSpec):
        _check_fields(parsed, parsed.spec, contract)


def _check_kept_keys(parsed: ParsedSource, contract: Contract) -> None:
    """Keys are kept from one extract to the next, as they are in the table, where no erasure would look for them."""
    personal = {column.name for column in contract.protected_columns} & {*contract.key}
    if personal:
        names = ", ".join(map(repr, sorted(personal)))
        parsed.document.problem(
            ("postgres", "maxDeletedShare"),
            f"{names} of the key is personal data, and keys are kept to be compared; leave it out",
        )


def _check_fields(
    parsed: ParsedSource, spec: profile.PostgresSourceSpec, contract: Contract
) -> None:
    problem = parsed.document.problem
    known = {column.name: column for column in contract.columns}
    for name in spec.fields:
        if name not in known:
            hint = did_you_mean(name, known)
            problem(("fields", name), f"{contract.dataset} has no column {name!r}; {hint}")
    needed = [
        name
        for name, column in known.items()
        if name not in spec.fields
        and (contract.schema_change != "evolve" or not may_lack(contract, column))
    ]
    if needed:
        names = ", ".join(map(repr, needed))
        problem(("fields",), f"{names} is missing; say which column of the table each is")
    for index, name in enumerate(spec.ignored_columns):
        if name in spec.fields.values():
            message = f"found {name!r}, which is taken in fields; remove one of them"
            problem(("ignoredColumns", index), message)
