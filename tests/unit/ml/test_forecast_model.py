"""The script that SageMaker runs: what it leaves, what it has seen when it is tested, what it serves."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from ml import forecast_model
from ml.forecast_model import Examples
from rows.forecast_training import HEADER, LaidOut
from tests.unit.rows.training import laid_out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that has ended, with the files before and after it."""
    folder = tmp_path_factory.mktemp("training")
    write(folder, laid_out(months=60, each=2))
    (folder / "model").mkdir()
    forecast_model.train(folder / "train", folder / "model", folder / "output", [12])
    return folder


def write(folder: Path, laid: LaidOut) -> None:
    (folder / "train").mkdir()
    with (folder / "train" / "rows.csv").open("w") as learn, (folder / "ask.csv").open("w") as ask:
        learn.write(",".join(HEADER) + "\n")
        for known, line in laid.lines():
            (learn if known else ask).write(",".join(line) + "\n")


def answers(folder: Path, body: str) -> list[list[str]]:
    examples = forecast_model.input_fn(body, "text/csv")
    models = forecast_model.model_fn(str(folder / "model"))
    told, kind = forecast_model.output_fn(forecast_model.predict_fn(examples, models), "text/csv")
    assert kind == "text/csv"
    return list(csv.reader(told.splitlines()))


def test_every_series_is_forecast_and_the_backtest_reaches_two_seasons_back(folder: Path) -> None:
    said = answers(folder, (folder / "ask.csv").read_text())
    series = {line[1] for line in said}
    assert len(said) == 6 * len(series)
    assert {line[2] for line in said} == {"0"}
    tested = list(csv.reader((folder / "output" / "backtest.csv").open()))
    assert {line[1] for line in tested} == series
    assert min(int(line[2]) for line in tested) == -24
    assert max(int(line[2]) for line in tested) == -1


def test_requests_that_are_cut_elsewhere_get_the_same_answers(folder: Path) -> None:
    lines = (folder / "ask.csv").read_text().splitlines(keepends=True)
    whole = answers(folder, "".join(lines))
    parts = [
        line
        for begin in range(0, len(lines), 5)
        for line in answers(folder, "".join(lines[begin : begin + 5]))
    ]
    assert parts == whole


def test_the_archive_has_the_code_that_serves_it(folder: Path) -> None:
    shipped = folder / "model" / "code" / "forecast_model.py"
    assert shipped.read_bytes() == Path(forecast_model.__file__).read_bytes()


def test_a_fold_is_forecast_by_a_model_that_has_seen_nothing_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = np.arange(-36.0, 0.0)
    key = np.stack([np.zeros(36), np.zeros(36), moments, np.zeros(36), np.ones(36)], axis=1)
    examples = Examples(np.repeat(key, 40, axis=0), np.zeros((1440, 1)), np.zeros(1440))
    seen: list[float] = []
    monkeypatch.setattr(forecast_model, "fitted", lambda given: seen.append(given.known_at.max()))
    monkeypatch.setattr(forecast_model, "predicted", lambda _model, given: given.target)
    begins = [asked.key[:, 2].min() for asked, _ in forecast_model.backtest(examples, 12)]
    assert begins == [-24.0, -18.0, -12.0, -6.0]
    assert seen == begins  # the newest target that each model knows came before its fold began


def test_a_fold_without_enough_to_learn_from_is_left_out() -> None:
    key = np.stack(
        [np.zeros(9), np.zeros(9), np.arange(-9.0, 0.0), np.zeros(9), np.ones(9)], axis=1
    )
    assert not list(forecast_model.backtest(Examples(key, np.zeros((9, 1)), np.zeros(9)), 12))


def test_other_content_than_csv_is_refused() -> None:
    with pytest.raises(ValueError, match="content type is 'application/json'; send text/csv"):
        forecast_model.input_fn("{}", "application/json")
    with pytest.raises(ValueError, match="accept is 'application/json'; ask for text/csv"):
        forecast_model.output_fn("", "application/json")


def test_metrics_are_printed_as_their_definitions_read_them(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.setenv("SM_CHANNEL_TRAIN", str(folder / "train"))
    monkeypatch.setenv("SM_MODEL_DIR", str(tmp_path / "model"))
    monkeypatch.setenv("SM_OUTPUT_DATA_DIR", str(tmp_path / "out"))
    monkeypatch.setattr("sys.argv", ["forecast_model.py", "--seasons", json.dumps([12])])
    forecast_model.main()
    printed = capsys.readouterr().out
    assert "backtest_wape=0." in printed
    assert printed.count(";") == 2
    assert (tmp_path / "out" / "backtest.csv").read_text() == (
        folder / "output" / "backtest.csv"
    ).read_text()
