"""`slipway up`: what runs is kept and gets the application anew; what it started itself ends when that fails."""

from pathlib import Path
from typing import Any

import pytest

from local_cloud import deployment, session
from slipway.__main__ import main


class Cloud:
    endpoint = "http://127.0.0.1:1"
    sftp_port = 2
    stopped = False

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = Cloud()
    monkeypatch.setenv("SLIPWAY_STATE", str(tmp_path))
    monkeypatch.setattr(session, "start", lambda _directory, **_options: made)
    return made


def deploy_with(monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> list[Any]:
    deployed: list[Any] = []

    def deploy(cloud: Any, **_options: object) -> list[str]:
        deployed.append(cloud)
        if error:
            raise error
        return []

    monkeypatch.setattr(deployment, "deploy", deploy)
    return deployed


def run_already(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    running = Cloud()
    monkeypatch.setattr(session, "attach", lambda _directory: running)
    return running


@pytest.mark.usefixtures("cloud")
def test_what_runs_is_kept_and_gets_the_application_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    running, deployed = run_already(monkeypatch), deploy_with(monkeypatch)
    assert main(["up"]) == 0
    assert deployed == [running]
    assert "the application is deployed into it again, data stay" in capsys.readouterr().out


@pytest.mark.usefixtures("cloud")
def test_what_runs_survives_a_deployment_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    running = run_already(monkeypatch)
    deploy_with(monkeypatch, session.LocalCloudFailed("cdk synth failed"))
    assert main(["up"]) == 1
    assert not running.stopped


def test_where_nothing_runs_it_is_started_and_ends_when_the_deployment_fails(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = deploy_with(monkeypatch)
    assert main(["up"]) == 0
    assert (deployed, cloud.stopped) == ([cloud], False)
    deploy_with(monkeypatch, session.LocalCloudFailed("cdk synth failed"))
    assert main(["up"]) == 1
    assert cloud.stopped
