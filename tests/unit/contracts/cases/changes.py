"""Contracts that differ from the fixture `members` in one thing, and what the diff must say about it."""

from __future__ import annotations

from dataclasses import replace

from contracts.model import Contract, DaysWithoutFiles
from tests.unit.contracts.versions import (
    members,
    new_column,
    with_column,
    with_model,
    with_model_column,
    with_rule,
)

M = members()
INTAKE, RETENTION = M.intake, M.retention
CURATED = M.curated[0]
Expected = tuple[str, str, str]  # field, impact, effect
CHANGES: dict[str, tuple[Contract, Expected]] = {
    "a different description": (replace(M, description="x"), ("description", "safe", "none")),
    "a different owner": (replace(M, owner="x"), ("owner", "safe", "none")),
    "a different address": (replace(M, alert_email="a@b.example"), ("alert_email", "safe", "none")),
    "a different freshness": (replace(M, freshness_hours=1), ("freshness_hours", "safe", "none")),
    "a different share": (
        replace(M, max_quarantined_share="0.5"),
        ("max_quarantined_share", "safe", "none"),
    ),
    "a day without files": (
        replace(M, days_without_files=DaysWithoutFiles(weekdays=("sunday",), dates=())),
        ("days_without_files", "safe", "none"),
    ),
    "dates after the delivery are meant": (
        replace(M, dates_after_delivery="allow"),
        ("dates_after_delivery", "safe", "none"),
    ),
    "written back to the database": (
        replace(M, write_back=True),
        ("write_back", "safe", "none"),
    ),
    "every version kept": (replace(M, history=True), ("history", "safe", "none")),
    "fewer rows replaced": (
        replace(M, replacing=replace(M.replacing, others_share="0")),
        ("replacing.others_share", "safe", "none"),
    ),
    "a content is loaded once": (
        replace(M, intake=replace(INTAKE, redelivery="once")),
        ("intake.redelivery", "safe", "none"),
    ),
    "a checksum beside each file": (
        replace(M, intake=replace(INTAKE, checksum="md5")),
        ("intake.checksum", "breaking", "none"),
    ),
    "files without it are refused": (
        with_column("weeks", absent="refuse"),
        ("columns.weeks.absent", "breaking", "none"),
    ),
    "only one partner": (
        replace(M, intake=replace(INTAKE, partners=("acme",))),
        ("intake.partners", "breaking", "none"),
    ),
    "a different folder": (
        replace(M, intake=replace(INTAKE, folder="x")),
        ("intake.folder", "breaking", "none"),
    ),
    "a different delimiter": (
        replace(M, intake=replace(INTAKE, delimiter=";")),
        ("intake.delimiter", "breaking", "none"),
    ),
    "smaller files": (
        replace(M, intake=replace(INTAKE, max_bytes=9)),
        ("intake.max_bytes", "breaking", "none"),
    ),
    "larger files": (
        replace(M, intake=replace(INTAKE, max_bytes=10**9)),
        ("intake.max_bytes", "safe", "none"),
    ),
    "suffix taken away": (
        replace(M, intake=replace(INTAKE, suffixes=(".csv.gz",))),
        ("intake.suffixes", "breaking", "none"),
    ),
    "suffix added": (
        replace(M, intake=replace(INTAKE, suffixes=(".csv", ".csv.gz"))),
        ("intake.suffixes", "safe", "none"),
    ),
    "header ignored": (
        replace(M, intake=replace(INTAKE, ignored_headers=("ID",))),
        ("intake.ignored_headers", "safe", "none"),
    ),
    "column removed": (
        replace(M, columns=tuple(item for item in M.columns if item.name != "first_visit")),
        ("columns.first_visit", "breaking", "rebuild"),
    ),
    "dropped column removed": (
        replace(M, columns=tuple(item for item in M.columns if item.name != "phone")),
        ("columns.phone", "breaking", "none"),
    ),
    "optional column added under strict": (
        replace(M, columns=(*M.columns, new_column())),
        ("columns.nickname", "breaking", "none"),
    ),
    "required column added": (
        replace(M, columns=(*M.columns, new_column(required=True))),
        ("columns.nickname", "breaking", "rebuild"),
    ),
    "required column added that is dropped": (
        replace(M, columns=(*M.columns, new_column(required=True, pii="drop"))),
        ("columns.nickname", "breaking", "none"),
    ),
    "columns reordered": (
        replace(M, columns=tuple(reversed(M.columns))),
        ("columns", "safe", "none"),
    ),
    "column described": (
        with_column("weeks", description="x"),
        ("columns.weeks.description", "safe", "none"),
    ),
    "type widened": (with_column("weeks", type="bigint"), ("columns.weeks.type", "safe", "none")),
    "decimal widened": (
        with_column("fee", type="decimal(12,2)"),
        ("columns.fee.type", "safe", "none"),
    ),
    "decimal narrowed": (
        with_column("fee", type="decimal(6,2)"),
        ("columns.fee.type", "breaking", "rebuild"),
    ),
    "decimal with more places": (
        with_column("fee", type="decimal(12,4)"),
        ("columns.fee.type", "breaking", "rebuild"),
    ),
    "type narrowed": (
        with_column("first_visit", type="int"),
        ("columns.first_visit.type", "breaking", "rebuild"),
    ),
    "a different type": (
        with_column("weeks", type="string"),
        ("columns.weeks.type", "breaking", "rebuild"),
    ),
    "a different type of a token": (
        with_column("member", type="int"),
        ("columns.member.type", "needs backfill", "backfill"),
    ),
    "header written otherwise": (
        with_column("first_visit", source_name="First Visit"),
        ("columns.first_visit.source_name", "safe", "none"),
    ),
    "a different header": (
        with_column("first_visit", source_name="Visit"),
        ("columns.first_visit.source_name", "breaking", "none"),
    ),
    "a different format": (
        with_column("joined_on", format="dd.MM.yyyy"),
        ("columns.joined_on.format", "breaking", "none"),
    ),
    "column becomes required": (
        with_column("first_visit", required=True),
        ("columns.first_visit.required", "breaking", "backfill"),
    ),
    "column becomes optional": (
        with_column("weeks", required=False),
        ("columns.weeks.required", "needs backfill", "backfill"),
    ),
    "limit added": (
        with_column("weeks", minimum="1"),
        ("columns.weeks.minimum", "needs backfill", "backfill"),
    ),
    "pattern added": (
        with_column("phone", pattern="[+].*"),
        ("columns.phone.pattern", "needs backfill", "backfill"),
    ),
    "length limited": (
        with_column("member", max_length=9),
        ("columns.member.max_length", "needs backfill", "backfill"),
    ),
    "values allowed": (
        with_column("phone", allowed=("x",)),
        ("columns.phone.allowed", "needs backfill", "backfill"),
    ),
    "money is reconciled": (
        with_column("weeks", control_total=True),
        ("columns.weeks.control_total", "safe", "none"),
    ),
    "money is no longer reconciled": (
        with_column("fee", control_total=False),
        ("columns.fee.control_total", "breaking", "rebuild"),
    ),
    "text becomes personal": (
        with_column("weeks", pii="hash"),
        ("columns.weeks.pii", "breaking", "rebuild"),
    ),
    "token becomes mask": (
        with_column("member", pii="mask"),
        ("columns.member.pii", "breaking", "backfill"),
    ),
    "token is dropped": (
        with_column("member", pii="drop"),
        ("columns.member.pii", "breaking", "rebuild"),
    ),
    "mask becomes token": (
        with_column("full_name", pii="hash"),
        ("columns.full_name.pii", "needs backfill", "backfill"),
    ),
    "mask becomes readable": (
        with_column("full_name", pii=None),
        ("columns.full_name.pii", "breaking", "backfill"),
    ),
    "dropped column is hashed": (
        with_column("phone", pii="hash"),
        ("columns.phone.pii", "needs backfill", "backfill"),
    ),
    "dropped column is readable": (
        with_column("phone", pii=None),
        ("columns.phone.pii", "breaking", "backfill"),
    ),
    "a different key": (replace(M, key=("member", "joined_on")), ("key", "breaking", "rebuild")),
    "a different partition": (
        replace(M, partition_column="born_on"),
        ("partition_column", "breaking", "rebuild"),
    ),
    "a different transform": (
        replace(M, partition_transform="day"),
        ("partition_transform", "breaking", "rebuild"),
    ),
    "a different table format": (
        replace(M, table_format="other"),
        ("table_format", "breaking", "rebuild"),
    ),
    "rule described": (
        with_rule("visits_are_few", description="x"),
        ("rules.visits_are_few.description", "safe", "none"),
    ),
    "rule changed": (
        with_rule("visits_are_few", expression="weeks > 1"),
        ("rules.visits_are_few.expression", "needs backfill", "backfill"),
    ),
    "warning changed": (
        with_rule("phone_is_international", expression="phone is not null"),
        ("rules.phone_is_international.expression", "safe", "none"),
    ),
    "warning becomes quarantine": (
        with_rule("phone_is_international", action="quarantine"),
        ("rules.phone_is_international.action", "needs backfill", "backfill"),
    ),
    "quarantine becomes warning": (
        with_rule("visits_are_few", action="warn"),
        ("rules.visits_are_few.action", "needs backfill", "backfill"),
    ),
    "quarantine becomes halt": (
        with_rule("visits_are_few", action="halt"),
        ("rules.visits_are_few.action", "safe", "none"),
    ),
    "rule removed": (
        replace(M, rules=M.rules[1:]),
        ("rules.visits_are_few", "needs backfill", "backfill"),
    ),
    "warning removed": (
        replace(M, rules=M.rules[:1]),
        ("rules.phone_is_international", "safe", "none"),
    ),
    "table rule removed": (
        replace(M, table_rules=M.table_rules[1:]),
        ("table_rules.there_are_members", "safe", "none"),
    ),
    "schema change looser": (replace(M, schema_change="evolve"), ("schema_change", "safe", "none")),
    "schema change stricter": (
        replace(M, schema_change="reject"),
        ("schema_change", "breaking", "none"),
    ),
    "raw leaves earlier": (
        replace(M, retention=replace(RETENTION, raw_days=40)),
        ("retention.raw_days", "breaking", "none"),
    ),
    "rows leave": (
        replace(M, retention=replace(RETENTION, processed_days=400)),
        ("retention.processed_days", "breaking", "none"),
    ),
    "quarantine is kept longer": (
        replace(M, retention=replace(RETENTION, quarantine_days=91)),
        ("retention.quarantine_days", "safe", "none"),
    ),
    "archived later": (
        replace(M, retention=replace(RETENTION, raw_archive_after_days=31)),
        ("retention.raw_archive_after_days", "safe", "none"),
    ),
    "a different file size": (
        replace(M, maintenance=replace(M.maintenance, target_file_mb=1)),
        ("maintenance.target_file_mb", "safe", "none"),
    ),
    "aggregate removed": (replace(M, curated=()), ("curated.members_by_month", "breaking", "none")),
    "aggregate added": (
        replace(M, curated=(CURATED, replace(CURATED, name="members_by_year"))),
        ("curated.members_by_year", "safe", "recompute"),
    ),
    "aggregate described": (
        with_model(description="x"),
        ("curated.members_by_month.description", "safe", "none"),
    ),
    "aggregate conserves less": (
        with_model(conserves=()),
        ("curated.members_by_month.conserves", "safe", "none"),
    ),
    "different SQL": (
        with_model(sql="SELECT 1"),
        ("curated.members_by_month.sql", "needs backfill", "recompute"),
    ),
    "a different source date": (
        with_model(source_date="born_on"),
        ("curated.members_by_month.source_date", "needs backfill", "recompute"),
    ),
    "a different grain": (
        with_model(grain=("fees",)),
        ("curated.members_by_month.grain", "breaking", "recompute"),
    ),
    "a different period": (
        with_model(period="year"),
        ("curated.members_by_month.period", "breaking", "recompute"),
    ),
    "a different period column": (
        with_model(period_column="year_start"),
        ("curated.members_by_month.period_column", "breaking", "rebuild"),
    ),
    "aggregate loses a column": (
        with_model(columns=CURATED.columns[:-1]),
        ("curated.members_by_month.fees", "breaking", "rebuild"),
    ),
    "aggregate gains an optional column": (
        with_model(columns=(*CURATED.columns, new_column())),
        ("curated.members_by_month.nickname", "needs backfill", "recompute"),
    ),
    "aggregate gains a required column": (
        with_model(columns=(*CURATED.columns, new_column(required=True))),
        ("curated.members_by_month.nickname", "breaking", "rebuild"),
    ),
    "columns of an aggregate reordered": (
        with_model(columns=tuple(reversed(CURATED.columns))),
        ("curated.members_by_month.columns", "safe", "recompute"),
    ),
    "type of an aggregate widened": (
        with_model_column("fees", type="decimal(20,2)"),
        ("curated.members_by_month.fees.type", "safe", "recompute"),
    ),
    "type of an aggregate narrowed": (
        with_model_column("members", type="int"),
        ("curated.members_by_month.members.type", "breaking", "rebuild"),
    ),
}
