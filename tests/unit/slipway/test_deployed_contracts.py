"""What a deployment runs under is read out of the code of a function, and compared with what is here."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.errors import PermanentError
from slipway.__main__ import main
from slipway.commands import contract
from slipway.deployment import Deployment
from slipway.reading import deployed_contracts

RELEASED = Path(__file__).parents[3] / "contracts" / "released"
DEPLOYED = "1.0.0"  # of sales_records; superstore is not deployed


class OfCode(Deployment):
    """A deployment of which only the code of one function is known."""

    def client(self, service: str) -> Any:
        assert service == "lambda"
        return SimpleNamespace(get_function=self._function)

    def _function(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 -- AWS's name
        assert FunctionName == self.output("FailRunFunctionName")
        return {"Code": {"Location": self.outputs["code"]}}


def deployment_of(folder: Path, files: dict[str, str]) -> Deployment:
    code = folder / "code.zip"
    with zipfile.ZipFile(code, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    outputs = {"FailRunFunctionName": "fail-run", "code": code.as_uri()}
    return OfCode(environment="dev", region="eu-central-1", outputs=outputs)


@pytest.fixture
def deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Deploys one contract of sales_records in the place of an account, and marts."""

    def deployed(document: dict[str, Any], **marts: dict[str, Any]) -> None:
        files = {
            "lambdas/fail_run/handler.py": "",
            "contracts/compiled/sales_records.json": json.dumps(document),
        }
        for name, mart in marts.items():
            files[f"contracts/compiled/marts/{name}.json"] = json.dumps(mart)
        found = deployment_of(tmp_path, files)
        monkeypatch.setattr(contract, "connect", lambda _environment: found)

    return deployed


def release(version: str = DEPLOYED) -> dict[str, Any]:
    text = (RELEASED / "sales_records" / f"{version}.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def test_what_a_deployment_would_change_is_shown(
    deploy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(release())
    assert main(["--environment", "dev", "contract", "diff", "--deployed"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"sales_records {DEPLOYED} -> " in said
    assert "table_rules.an_order_is_there_once" in said
    assert "superstore is not deployed yet" in said


def test_one_dataset_is_shown_alone_and_for_programs(
    deploy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(release())
    assert (
        main(
            [
                "--environment",
                "dev",
                "contract",
                "diff",
                "--deployed",
                "sales_records",
                "--format",
                "json",
            ]
        )
        == 0
    )
    assert json.loads(capsys.readouterr().out)["old_version"] == DEPLOYED


def test_a_deployed_version_that_was_rewritten_here_is_refused(
    deploy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(release() | {"freshness_hours": 1})
    assert main(["--environment", "dev", "contract", "diff", "--deployed"]) == 1
    assert f"{DEPLOYED}.json is deployed and differs here in freshness_hours" in (
        capsys.readouterr().err
    )


MART = "superstore_cohorts"


def cohorts() -> dict[str, Any]:
    """The first release of the mart that is shipped."""
    text = (RELEASED / "marts" / MART / "1.0.0.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def test_a_mart_is_compared_with_the_one_that_is_deployed(
    deploy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(release(), superstore_cohorts=cohorts())
    assert main(["--environment", "dev", "contract", "diff", "--deployed"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"sales_records {DEPLOYED} -> " in said
    assert f"{MART} 1.0.0" in said
    assert f"{MART} is not deployed yet" not in said
    arguments = ["contract", "diff", "--deployed", MART, "--format", "json"]
    assert main(["--environment", "dev", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["old_version"] == "1.0.0"


def test_a_mart_that_is_new_or_was_taken_away_is_named(
    deploy: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(release())
    assert main(["--environment", "dev", "contract", "diff", "--deployed", MART]) == 0
    assert f"{MART} is not deployed yet" in capsys.readouterr().out
    deploy(release(), superstore_cohorts=cohorts())
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "released").symlink_to(RELEASED)
    monkeypatch.setattr(contract, "ROOT", tmp_path)
    assert main(["--environment", "dev", "contract", "diff", "--deployed", MART]) == 0
    assert f"{MART} 1.0.0 is deployed and no longer here" in capsys.readouterr().out


def test_a_deployed_version_of_a_mart_that_was_rewritten_here_is_refused(
    deploy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(release(), superstore_cohorts=cohorts() | {"owner": "somebody"})
    assert main(["--environment", "dev", "contract", "diff", "--deployed"]) == 1
    told = f"contracts/released/marts/{MART}/1.0.0.json is deployed and differs here in owner"
    assert told in capsys.readouterr().err


def test_a_dataset_that_was_taken_away_is_named(
    deploy: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(release())
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "released").symlink_to(RELEASED)
    monkeypatch.setattr(contract, "ROOT", tmp_path)
    assert main(["--environment", "dev", "contract", "diff", "--deployed"]) == 0
    assert f"sales_records {DEPLOYED} is deployed and no longer here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--deployed"], "give --environment dev or prod"),
        (["sales_records"], "give OLD and NEW, or --deployed"),
        (["--deployed", "--format", "json"], "--format json needs one"),
        (["--deployed", "sales_records", "superstore"], "--deployed takes one dataset or mart"),
    ],
)
def test_a_question_that_is_not_whole_says_what_to_type(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["contract", "diff", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_code_without_contracts_is_none_of_slipway(tmp_path: Path) -> None:
    with pytest.raises(
        PermanentError, match="the code of function fail-run has no contracts/compi"
    ):
        deployed_contracts.read(deployment_of(tmp_path, {"index.py": ""}))


def test_code_that_cannot_be_downloaded_says_so(tmp_path: Path) -> None:
    lost = deployment_of(tmp_path, {})
    (tmp_path / "code.zip").unlink()
    with pytest.raises(PermanentError, match=r"cannot be downloaded: .*is the way to S3 open"):
        deployed_contracts.read(lost)
