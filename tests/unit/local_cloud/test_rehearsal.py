"""Settings of another environment, as they are deployed into the embedded AWS."""

from __future__ import annotations

import json
from pathlib import Path

import asyncssh
import pytest

from local_cloud import rehearsal

PROD = """# production
environment: prod
account: "111122223333"
region: eu-central-1 # Frankfurt

people: ["arn:aws:iam::111122223333:role/on-call", "arn:aws:quicksight:eu-central-1:111122223333:group/a"]
runs: { settle_seconds: 45 }
"""


@pytest.fixture
def prod(tmp_path: Path) -> Path:
    file = tmp_path / "prod.yaml"
    file.write_text(PROD)
    return file


def test_name_account_and_region_are_replaced_and_every_line_keeps_its_place(prod: Path) -> None:
    made = rehearsal.of(prod)
    assert made.text.splitlines() == [
        "# production",
        "environment: local",
        "account: null",
        "region: null",
        "",
        'people: ["arn:aws:iam::000000000000:role/on-call", "arn:aws:quicksight:us-east-1:000000000000:group/a"]',
        "runs: { settle_seconds: 45 }",
    ]


def test_what_was_replaced_is_told(prod: Path) -> None:
    assert rehearsal.of(prod).replaced == (
        "environment prod is local here",
        "account 111122223333 is 000000000000 here",
        "region eu-central-1 is us-east-1 here",
    )


def test_an_open_destination_stays_open(prod: Path) -> None:
    prod.write_text("environment: prod\naccount: null # yours\nregion: null\n")
    assert rehearsal.of(prod).text == "environment: local\naccount: null\nregion: null\n"


def test_a_secret_that_a_host_key_is_taken_from_is_expected_and_no_other(tmp_path: Path) -> None:
    body = "{{resolve:secretsmanager:slipway/prod/sftp-host-key:SecretString:::}}"
    resources = {
        "Key": {"Type": "AWS::Transfer::HostKey", "Properties": {"HostKeyBody": body}},
        "Other": {"Type": "AWS::X::Y", "Properties": {"A": body.replace("sftp-host-key", "b")}},
    }
    (tmp_path / "S.template.json").write_text(json.dumps({"Resources": resources}))
    assert list(rehearsal.expected_secrets(tmp_path)) == ["slipway/prod/sftp-host-key"]


def test_the_key_that_is_made_is_one_that_a_server_can_show() -> None:
    made = asyncssh.import_private_key(rehearsal.host_key())
    assert made.get_algorithm() == "ecdsa-sha2-nistp256"
