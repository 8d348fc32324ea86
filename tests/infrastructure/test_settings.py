"""Settings are refused as a whole: every mistake at once, each with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from contracts import naming
from contracts.errors import ContractInvalid
from stacks.base import RETENTION
from stacks.setting_values import LOG_RETENTION_DAYS
from stacks.settings import ENVIRONMENTS, load
from tests.infrastructure.conftest import PUBLIC_KEY
from tests.infrastructure.support import COMPREHENSIVE, ROOT

Edit = Callable[..., Path]

CONFIG = ROOT / "config"


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """A folder with the comprehensive settings after replacements."""

    def edit(*replacements: tuple[str, str]) -> Path:
        text = (COMPREHENSIVE / "prod.yaml").read_text(encoding="utf-8")
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / "prod.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return edit


def line_of(folder: Path, text: str) -> int:
    lines = (folder / "prod.yaml").read_text(encoding="utf-8").splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if text in line]
    return number


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_shipped_settings_are_valid(environment: str) -> None:
    assert load(CONFIG, environment).environment == environment


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_field_of_the_shipped_settings_has_a_comment(environment: str) -> None:
    lines = (CONFIG / f"{environment}.yaml").read_text(encoding="utf-8").splitlines()
    without = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if ":" in line
        and not line.strip().startswith(("#", "- name:"))
        and not line.endswith(":")  # a section; its fields are commented
        and "#" not in line
        and not before.strip().startswith("#")
        and not line.startswith("environment:")
    ]
    assert without == []


def test_all_mistakes_are_reported_at_once_with_their_line(edited: Edit) -> None:
    folder = edited(
        ('account: "111122223333"', "account: 12"),
        ("on-call@example.com]\n  burst_seconds: 120", "nobody]\n  burst_seconds: 0"),
        ("name: globex", "name: G"),
        ("203.0.113.0/24", "203.0.113.7/24"),
        ("worker_type: G.2X", "worker_type: Z.9X"),
        ("logs_days: 365", "logs_days: 100"),
        ("allow_data_deletion: false", "allow_data_deletion: maybe"),
        ("  results_days: 8\n", ""),
    )
    with pytest.raises(ContractInvalid) as refusal:
        load(folder, "prod")
    reported = str(refusal.value).splitlines()
    expected = [
        (line_of(folder, "account: 12"), "account", "12"),
        (line_of(folder, "nobody"), "alerts.alarms.0", "'nobody'"),
        (line_of(folder, "burst_seconds: 0"), "alerts.burst_seconds", "0"),
        (line_of(folder, "name: G"), "sftp.users.1.name", "'G'"),
        (line_of(folder, "203.0.113.7"), "sftp.allowed_networks.0", "203.0.113.7/24"),
        (line_of(folder, "Z.9X"), "glue.worker_type", "'Z.9X'"),
        (line_of(folder, "retention:"), "retention.results_days", "required"),
        (line_of(folder, "logs_days: 100"), "retention.logs_days", "100"),
        (line_of(folder, "maybe"), "allow_data_deletion", "'maybe'"),
    ]
    assert len(reported) == len(expected)
    for (line, field, word), message in zip(expected, reported, strict=True):
        assert message.startswith(f"config/prod.yaml:{line}: {field}: ")
        assert word in message.lower() or word in message


def test_the_name_below_which_operators_replay_is_no_partner(edited: Edit) -> None:
    with pytest.raises(
        ContractInvalid, match=r"sftp\.users\.1\.name: is reserved: .*'slipway-replay'"
    ):
        load(edited(("name: globex", f"name: {naming.REPLAY_PARTNER}")), "prod")


def test_addresses_for_stages_of_a_run_need_a_stage(edited: Edit) -> None:
    every = "stages: [begun, loaded, published]"
    with pytest.raises(ContractInvalid, match=r"run_stage has addresses, and stages is empty"):
        load(edited((every, "stages: []")), "prod")
    with pytest.raises(ContractInvalid, match=r"alerts\.stages\.0: .*'ended'"):
        load(edited((every, "stages: [ended]")), "prod")


def test_a_schema_change_is_one_of_the_three_or_left_to_the_contract(edited: Edit) -> None:
    with pytest.raises(ContractInvalid, match=r"runs\.schema_change: .*'lax'"):
        load(edited(("schema_change: strict", "schema_change: lax")), "prod")
    assert (
        load(edited(("schema_change: strict", "schema_change: null")), "prod").runs.schema_change
        is None
    )


@pytest.mark.parametrize(
    ("given", "instead", "message"),
    [
        (
            "10.90.0.0/20",
            "10.90.0.0/24",
            r"network\.cidr: is not a private network between /16 and /22",
        ),
        ("10.90.0.0/20", "198.18.0.0/33", r"network\.cidr: is not a network in CIDR notation"),
        ("10.90.0.0/20", "8.8.0.0/20", r"network\.cidr: is not a private network"),
        ("[0, 2, 1]", "[0, 0, 1]", r"network\.zones: names not 3 different zones"),
        (
            "base_rpus: 8",
            "base_rpus: 12",
            r"warehouse\.base_rpus: is not a capacity that Redshift Serverless offers",
        ),
        ("base_rpus: 8", "base_rpus: 128", r"warehouse: max_rpus 64 is below base_rpus 128"),
        ("finance: 20", "finance: 0", r"athena\.teams\.finance: .*greater than or equal to 1"),
        (
            "finance: 20",
            "analysts: 20",
            r"athena\.teams\.analysts.*is the workgroup that always exists",
        ),
    ],
)
def test_a_value_that_aws_would_refuse_is_refused_here(
    edited: Edit, given: str, instead: str, message: str
) -> None:
    with pytest.raises(ContractInvalid, match=message):
        load(edited((given, instead)), "prod")


def test_dashboards_that_nobody_may_mend_are_refused(edited: Edit) -> None:
    with pytest.raises(ContractInvalid, match=r"quicksight\.authors: names nobody"):
        load(
            edited(
                (
                    'authors: ["arn:aws:quicksight:eu-central-1:111122223333:group/default/analysts"]',
                    "authors: []",
                )
            ),
            "prod",
        )


def test_an_unknown_field_is_refused(edited: Edit) -> None:
    with pytest.raises(ContractInvalid, match=r"runs\.settle_minutes"):
        load(edited(("settle_seconds: 45", "settle_seconds: 45, settle_minutes: 1")), "prod")


def test_allowed_networks_need_a_vpc(edited: Edit) -> None:
    text = (COMPREHENSIVE / "prod.yaml").read_text(encoding="utf-8")
    block = text[text.index("  vpc:\n") : text.index("intake:")]
    with pytest.raises(ContractInvalid, match="a public endpoint cannot tell networks apart"):
        load(edited((block, "  vpc: null\n  host_key_secret: null\n\n")), "prod")


@pytest.mark.parametrize("secret", ["prod key", "prod:key", '"{{resolve}}"'])
def test_a_host_key_is_named_by_its_secret(edited: Edit, secret: str) -> None:
    with pytest.raises(ContractInvalid, match=r"sftp\.host_key_secret"):
        load(edited(("slipway/prod/sftp-host-key", secret)), "prod")


@pytest.mark.parametrize(
    ("given", "instead", "message"),
    [
        (":role/on-call", ":user/alice", r"people\.operators\.0"),
        (
            "analysts:\n    analysts:",
            "analysts:\n    sales:",
            r"'sales' is no team of athena\.teams",
        ),
        ("{ owner:", "{ environment:", r"is a tag that every resource has already"),
        ("vpc-0a1b2c3d4e5f60718", "vpc-0a1b2c3d4", r"sftp\.vpc\.vpc_id"),
    ],
)
def test_people_tags_and_ids_are_what_aws_knows(
    edited: Edit, given: str, instead: str, message: str
) -> None:
    with pytest.raises(ContractInvalid, match=message):
        load(edited((given, instead)), "prod")


def test_a_network_of_everybody_is_refused(edited: Edit) -> None:
    with pytest.raises(ContractInvalid, match="allows everybody"):
        load(edited(("203.0.113.0/24", "0.0.0.0/0")), "prod")


def test_a_private_key_is_not_taken_for_a_public_one(edited: Edit) -> None:
    with pytest.raises(ContractInvalid, match="is not an OpenSSH public key"):
        load(edited(("ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY----- AAAA")), "prod")


def test_a_partner_without_a_key_is_refused_outside_local(tmp_path: Path) -> None:
    text = (
        (CONFIG / "local.yaml")
        .read_text(encoding="utf-8")
        .replace("environment: local", "environment: dev")
    )
    (tmp_path / "dev.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ContractInvalid, match="'acme' has no public key"):
        load(tmp_path, "dev")


def test_the_context_key_is_added_in_local_only() -> None:
    assert load(CONFIG, "local", extra_public_key=PUBLIC_KEY).sftp.users[0].public_keys == [
        PUBLIC_KEY
    ]
    with pytest.raises(ContractInvalid, match="is for the local environment"):
        load(CONFIG, "prod", extra_public_key=PUBLIC_KEY)


def test_a_file_says_which_environment_it_is_for(edited: Edit) -> None:
    with pytest.raises(ContractInvalid, match="is 'dev', but the file is named for 'prod'"):
        load(edited(("environment: prod", "environment: dev")), "prod")


def test_an_unknown_environment_names_the_known_ones() -> None:
    with pytest.raises(ContractInvalid, match=r"'staging'.*dev\|prod\|local"):
        load(CONFIG, "staging")


def test_settings_cannot_be_changed() -> None:
    settings = load(CONFIG, "prod")
    with pytest.raises(ValidationError):
        settings.runs.settle_seconds = 1


def test_every_log_retention_can_be_built() -> None:
    assert set(RETENTION) == set(LOG_RETENTION_DAYS)
