"""Every alarm that can reach people has its section in the runbook, and every section its alarm."""

import re

from tests.infrastructure.support import ROOT, Assembly

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
# What each section must answer for somebody who was just woken.
ANSWERS = ("**Meaning", "ot touched", "ype", "ver when")


def sections() -> dict[str, str]:
    chapter = RUNBOOK.split("\n## Alarms\n", 1)[1].split("\n## ", 1)[0]
    return dict(re.findall(r"^### (.+?)\n(.+?)(?=^### |\Z)", chapter, re.MULTILINE | re.DOTALL))


def test_alarms_and_sections_are_the_same(comprehensive: Assembly) -> None:
    logical_ids = (
        place.partition("/")[2] for place in comprehensive.resources("AWS::CloudWatch::Alarm")
    )
    names = {
        re.sub(r"[0-9A-F]{8}$", "", logical_id) for logical_id in logical_ids
    }  # the CDK adds a hash
    per_name = (
        "Stale",
        "FailedSource",
        "TimedOutSource",
        "AbortedSource",
        "Lost",
    )  # one for each dataset, ...
    alarms = {next((each for each in per_name if name.startswith(each)), name) for name in names}
    assert set(sections()) == alarms | {"A Spark job failed"}


def test_every_section_says_what_it_means_what_was_not_touched_what_to_type_and_when_it_is_over() -> (
    None
):
    lacking = {
        title: answer
        for title, text in sections().items()
        for answer in ANSWERS
        if answer not in text
    }
    assert lacking == {}
