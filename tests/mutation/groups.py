"""What is mutated, and which tests judge it: by room, so that no mutant waits for the tests of another one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Group:
    """Modules (glob patterns of files), the tests that judge them, and how many mutants are judged (None: all)."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    sample: int | None = None


# Not test_compiled, which starts a process of its own: that would need mutmut there too.
JUDGES = (
    "authoring_bites",
    "backfill_plan",
    "broken_contracts",
    "changes_page",
    "diff",
    "diff_reasons",
    "mistakes_together",
    "people",
    "quality_queries",
    "releases",
    "warehouse_contract",
)
# How a contract and the SQL beside it are read, before and after what CHECKS say of it.
READING = ("arithmetic", "checks", "compiler", "parsed", "problems", "references", "sources", "sql", "structure",
           "workspace", "yaml_lines")  # fmt: skip
LAMBDAS, SLIPWAY = "tests/unit/lambdas", "tests/unit/slipway"
CHECKS = (
    "backfill_plan",
    "changes",
    "column_checks",
    "diff*",
    "privacy_checks",
    "releases",
    "rule_checks",
    "table_checks",
    "table_rule_kinds",
    "values",
    "warehouse_checks",
)
GROUPS = {
    "ledger": Group(
        modules=("pipeline/ledger/*.py", "pipeline/locking.py", "contracts/personal_data.py"),
        tests=("tests/unit/ledger",),
    ),
    "gate": Group(
        modules=("lambdas/gate/service.py",),
        tests=tuple(f"{LAMBDAS}/test_{name}.py" for name in ("gate", "gate_bites", "bad_files")),
    ),
    "close_run": Group(
        modules=(
            *(f"lambdas/close_run/{name}.py" for name in ("comparison", "figures", "service")),
            "pipeline/serving.py",
        ),
        tests=(f"{LAMBDAS}/test_close_run_bites.py", f"{LAMBDAS}/test_close_run.py"),
    ),
    "reconciliation": Group(
        modules=("slipway/reading/reconciliation.py", "slipway/reading/independent_count.py"),
        tests=tuple(
            f"tests/unit/slipway/test_{name}.py"
            for name in ("reconciliation", "reconciliation_bites", "proof")
        ),
    ),
    "run_documents": Group(
        modules=("pipeline/run_documents/*.py",),
        tests=("tests/unit/pipeline/test_run_documents.py",),
    ),
    "model": Group(
        modules=("contracts/model.py", "contracts/table_rules.py"),
        tests=("tests/unit/contracts/test_model_bites.py",),
    ),
    "files": Group(
        modules=(
            *(f"contracts/{name}.py" for name in ("fields", "headers", "texts")),
            "rows/grammar.py",
        ),
        tests=(
            *(f"tests/unit/contracts/test_{name}.py" for name in ("fields", "headers", "texts")),
            "tests/unit/rows/test_grammar.py",
            f"{LAMBDAS}/test_headers.py",
        ),
    ),
    "authoring": Group(
        modules=tuple(f"contracts/authoring/{name}.py" for name in CHECKS),
        tests=tuple(f"tests/unit/contracts/test_{name}.py" for name in JUDGES),
        sample=200,
    ),
    "reading": Group(
        modules=tuple(f"contracts/authoring/{name}.py" for name in READING),
        tests=tuple(
            f"tests/unit/contracts/test_{name}.py" for name in (*JUDGES, "curated_sql", "overflow")
        ),
    ),
    "warehouse": Group(
        modules=(
            "contracts/warehouse/*.py",
            *(
                f"lambdas/load_warehouse/{name}.py"
                for name in ("service", "decisions", "data_api", "failures")
            ),
        ),
        tests=(
            "tests/unit/contracts/test_warehouse_sql.py",
            *(f"{LAMBDAS}/test_load_warehouse{name}.py" for name in ("", "_handler")),
        ),
    ),
    "sources": Group(
        modules=(
            *(f"sources/{name}.py" for name in ("client", "paging", "records")),
            *(f"lambdas/fetch_source/{name}.py" for name in ("call", "pages", "service")),
        ),
        tests=tuple(
            f"tests/unit/sources/test_{name}.py" for name in ("fetching", "misbehaving_sources")
        ),
        sample=50,
    ),
    "source_files": Group(
        modules=(
            *(f"sources/{name}.py" for name in ("buckets", "fetches", "files")),
            "lambdas/fetch_source/files.py",
        ),
        tests=("tests/unit/sources/test_buckets.py",),
        sample=50,
    ),
    "bursts": Group(
        modules=(
            "pipeline/bursts.py",
            "lambdas/compose_digest/service.py",
            "lambdas/compose_digest/messages.py",
        ),
        tests=(f"{LAMBDAS}/test_rejection_bursts.py",),
    ),
    "verdicts": Group(
        modules=(
            "rows/rule_results.py",
            "rows/table_rule_results.py",
            "glue_jobs/quality/table_checks.py",
            "glue_jobs/transforms/figures.py",
        ),
        tests=("tests/spark/test_verdicts_bites.py", "tests/spark/test_figures_bite.py"),
    ),
    "checks": Group(
        modules=("rows/expressions/*.py",),
        # Not test_golden_texts, which would kill every mutant of a text, whether the text means something else or not.
        tests=tuple(f"tests/unit/rows/test_{name}.py" for name in ("checks", "one_pass", "values")),
    ),
    "forecasting": Group(
        modules=("rows/forecasting/*.py",),
        tests=tuple(
            f"tests/unit/rows/test_{name}.py" for name in ("forecasting", "forecast_features")
        ),
        sample=60,
    ),
    "forecast_runs": Group(
        modules=(
            "rows/forecast_run.py",
            "rows/forecast_training.py",
            "lambdas/train_forecast/service.py",
        ),
        tests=(
            *(f"tests/unit/duckdb_jobs/test_forecast{name}.py" for name in ("", "_training")),
            f"{LAMBDAS}/test_train_forecast.py",
        ),
        sample=50,
    ),
}
