"""How failures of functions are named, what a role used, where an armed crash strikes, how secrets are drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from local_cloud.adapters import lambda_errors, secrets_of_stacks
from local_cloud.instruments import control, crashes, usage
from local_cloud.patching import original

CHAINED = """something logged: not an exception
Traceback (most recent call last):
  File "handler.py", line 1, in handle
    raise ValueError
ValueError

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "handler.py", line 3, in handle
    raise RetryableError("try again")
contracts.errors.RetryableError: try again
in a second line: of its message
"""


@pytest.mark.parametrize(
    ("message", "log", "name"),
    [
        ("try again", CHAINED, "RetryableError"),
        ("'x'", "Traceback (most recent call last):\n  File 'a'\nKeyError: 'x'", "KeyError"),
        (
            "",
            "Traceback (most recent call last):\n  File 'a'\nlambdas.x.DatasetBusy",
            "DatasetBusy",
        ),
        ("Worker process died", "", "Runtime.ExitError"),
        ("[Errno 32] Broken pipe", "", "Runtime.ExitError"),
        ("no traceback at all", "some log", "Runtime.HandlerError"),
    ],
)
def test_an_error_has_the_name_that_lambda_gives_it(message: str, log: str, name: str) -> None:
    assert lambda_errors.error_type(message, log) == name


@pytest.mark.parametrize(
    ("arn", "role"),
    [
        ("arn:aws:sts::000000000000:assumed-role/Slipway-Gate/session", "Slipway-Gate"),
        ("arn:aws:iam::000000000000:role/Slipway-Gate", "Slipway-Gate"),
        ("arn:aws:iam::000000000000:root", "arn:aws:iam::000000000000:root"),
    ],
)
def test_a_role_is_known_by_its_name_whatever_the_session(arn: str, role: str) -> None:
    assert usage.role_of(arn) == role


@pytest.fixture
def struck(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Roles whose processes were killed."""
    killed: list[str] = []

    def kill(role: str) -> list[int]:
        killed.append(role)
        return [1]

    monkeypatch.setattr(crashes, "_kill_workers", kill)
    monkeypatch.setattr(crashes, "_kill_spark", lambda _role: [])
    yield killed
    crashes.disarm()


def test_a_crash_strikes_once_at_the_call_it_was_armed_for(struck: list[str]) -> None:
    crashes.arm("gate", "s3:GetObject", "2")
    for role, action in (
        ("gate", "s3:GetObject"),
        ("other", "s3:GetObject"),
        ("gate", "s3:PutObject"),
    ):
        crashes.strike(role, action)
    assert struck == []
    for _ in range(3):
        crashes.strike("gate", "s3:GetObject")
    assert struck == ["gate"]
    assert crashes.disarm() == {"not_struck": []}


def test_a_crash_that_was_never_reached_is_told(struck: list[str]) -> None:
    crashes.arm("gate", "s3:GetObject", "1")
    assert crashes.disarm() == {"not_struck": ["gate s3:GetObject"]}
    crashes.strike("gate", "s3:GetObject")
    assert struck == []


def test_a_generated_secret_is_another_each_time_and_obeys_its_options() -> None:
    asked = {"PasswordLength": 64, "ExcludePunctuation": True, "IncludeSpace": "false"}
    values = {secrets_of_stacks.secret_string({"GenerateSecretString": asked}) for _ in range(20)}
    assert len(values) == 20
    assert {len(value) for value in values} == {64}
    assert all(value.isalnum() for value in values)


def test_a_generated_secret_goes_into_its_template() -> None:
    asked = {
        "SecretStringTemplate": '{"user": "slipway"}',
        "GenerateStringKey": "password",
        "PasswordLength": 12,
    }
    value = json.loads(secrets_of_stacks.secret_string({"GenerateSecretString": asked}))
    assert value["user"] == "slipway"
    assert len(value["password"]) == 12


def test_a_declared_secret_is_kept_and_an_impossible_one_fails_the_deployment() -> None:
    assert secrets_of_stacks.secret_string({"SecretString": "given"}) == "given"
    with pytest.raises(ValueError, match="PasswordLength"):
        secrets_of_stacks.secret_string({"GenerateSecretString": {"PasswordLength": 5000}})


@pytest.mark.parametrize(
    ("key", "matches"),
    [
        ("a/b.csv", True),
        ("a/line\n1.csv", True),
        ("a/\u2028.csv", True),
        ("b/line\na/", False),
        ("a", False),
    ],
)
def test_a_wildcard_of_a_policy_matches_any_character_of_a_key(key: str, matches: bool) -> None:
    compiled = control._of_any_character(original(usage.EVALUATOR, "_fnmatch_compile"))
    assert bool(compiled("a/*", False).match(key)) is matches


def test_a_pattern_without_a_wildcard_matches_nothing_longer() -> None:
    compiled = control._of_any_character(original(usage.EVALUATOR, "_fnmatch_compile"))
    assert compiled("a.csv", False).match("a.csv")
    assert not compiled("a.csv", False).match("a.csv\n")
