"""What settings leave open is said at each synthesis: once, with the setting that ends it, and never of local."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import app as entry_point
from contracts.errors import ContractInvalid
from stacks import readiness
from stacks.settings import Settings, load
from tests.infrastructure.support import COMPREHENSIVE, ROOT, Assembly, new_app

SHIPPED = ROOT / "config"


def with_one_partner() -> Settings:
    """Shipped settings of prod with the partner of the comprehensive ones, and no network of their own."""
    users = load(COMPREHENSIVE, "prod").sftp.users
    settings = load(SHIPPED, "prod")
    return settings.model_copy(update={"sftp": settings.sftp.model_copy(update={"users": users})})


def test_shipped_settings_are_warned_of_what_nobody_would_hear_and_that_nobody_can_deliver() -> (
    None
):
    for environment in ("dev", "prod"):
        told = dict(readiness.warnings(load(SHIPPED, environment)))
        assert sorted(told) == [
            "alerts.alarms",
            "alerts.file_rejected",
            "alerts.run_failed",
            "sftp.users",
        ]
        assert all(f"config/{environment}.yaml: " in text for text in told.values())


def test_a_server_that_the_whole_internet_reaches_is_warned_of() -> None:
    assert "sftp.vpc" in dict(readiness.warnings(with_one_partner()))


def test_settings_that_leave_nothing_open_are_silent() -> None:
    settings = load(COMPREHENSIVE, "prod")
    assert list(readiness.warnings(settings)) == []


def test_a_role_for_people_of_another_account_is_warned_of() -> None:
    settings = load(COMPREHENSIVE, "prod")
    stranger = "arn:aws:iam::999999999999:role/audit"
    people = settings.people.model_copy(update={"auditors": [stranger]})
    [(name, text)] = readiness.warnings(settings.model_copy(update={"people": people}))
    assert name == "people"
    assert f"outside account 111122223333: {stranger};" in text


def test_no_server_on_purpose_is_no_warning() -> None:
    settings = load(SHIPPED, "dev")
    without = settings.model_copy(
        update={"sftp": settings.sftp.model_copy(update={"enabled": False})}
    )
    assert "sftp.users" not in dict(readiness.warnings(without))


def test_prod_must_say_where_it_goes() -> None:
    with pytest.raises(ContractInvalid) as refusal:
        readiness.require_destination(load(SHIPPED, "prod"))
    assert [line.split(":")[1] for line in str(refusal.value).splitlines()] == [
        " account",
        " region",
    ]
    for folder, environment in ((SHIPPED, "dev"), (SHIPPED, "local"), (COMPREHENSIVE, "prod")):
        readiness.require_destination(load(folder, environment))


def test_the_entry_point_stops_before_it_builds_anything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app = new_app(tmp_path, environment="prod")
    monkeypatch.setattr(entry_point.cdk, "App", lambda **_: app)
    with pytest.raises(
        SystemExit, match=r"cannot synthesize:\nconfig/prod\.yaml: account: is null"
    ):
        entry_point.main()
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_gets_them_with_a_stack(prod: Assembly, local: Assembly) -> None:
    assert len(said(prod, "aws:cdk:warning")) == 4
    assert said(local, "aws:cdk:warning") == []


def said(assembly: Assembly, kind: str) -> list[str]:
    """Annotations of a kind in the manifest of an assembly."""
    texts = []
    for file in (*assembly.folder.glob("manifest.json"), *assembly.folder.glob("*.metadata.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        texts += [entry["data"] for entry in entries(content) if entry.get("type") == kind]
    return texts


def entries(content: object) -> list[dict[str, str]]:
    """Every dict below `content` that has a type and data."""
    if isinstance(content, dict):
        own = [content] if {"type", "data"} <= content.keys() else []
        return own + [each for value in content.values() for each in entries(value)]
    if isinstance(content, list):
        return [each for value in content for each in entries(value)]
    return []


def test_an_estimate_is_not_asked_for_through_the_command_line_that_deploys(
    tmp_path: Path,
) -> None:
    asked, not_asked = (new_app(tmp_path, estimate=word) for word in ("yes", "no"))
    called_by_cdk = {entry_point.CDK_COMMAND_LINE: "2"}
    assert entry_point.is_estimate(asked, {})
    assert not entry_point.is_estimate(not_asked, called_by_cdk)
    with pytest.raises(ContractInvalid, match="for `slipway cost` alone"):
        entry_point.is_estimate(asked, called_by_cdk)
