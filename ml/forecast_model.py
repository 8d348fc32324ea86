"""Training and serving of the forecast in SageMaker's published image of scikit-learn, in script mode.

Gradient boosting of the absolute error over all series of a table, averaged with Holt-Winters, which is among the
features. A rolling-origin backtest comes with the model: each fold is forecast by a model that has seen nothing later.
Only numpy, joblib and scikit-learn, and nothing of this repository: this file is shipped alone.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

# Columns of the files: these, then features, of which Holt-Winters is the last; for training the target as well.
KEY = ("table", "series", "moment", "step", "scale")
TARGET = "target"
CSV = "text/csv"
MODEL_FILE, BACKTEST_FILE, CODE_FOLDER = "model.joblib", "backtest.csv", "code"
FOLDS = 4
LEAST_EXAMPLES = 200  # of a fold's model: fewer teach nothing that Holt-Winters does not know
WEIGHT = 0.5  # of the trees in the average with Holt-Winters
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """Rows of one table: who they are (KEY), what was known, and what came (empty while that is to come)."""

    key: Numbers
    features: Numbers
    target: Numbers

    def where(self, rows: NDArray[np.bool_]) -> Examples:
        """Some of the rows."""
        return Examples(self.key[rows], self.features[rows], self.target[rows])

    @property
    def known_at(self) -> Numbers:
        """First moment at which the target of each is known."""
        moments: Numbers = self.key[:, 2] + self.key[:, 3] + 1
        return moments


def fitted(examples: Examples) -> HistGradientBoostingRegressor:
    """Trees over all series of a table; the same rows give the same trees."""
    model = HistGradientBoostingRegressor(
        loss="absolute_error",
        max_iter=150,
        learning_rate=0.06,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        early_stopping=False,
        random_state=0,
    )
    return model.fit(examples.features, examples.target)


def predicted(model: HistGradientBoostingRegressor, examples: Examples) -> Numbers:
    """Amounts: the average of the trees and of Holt-Winters, in the unit of the table."""
    ratio = WEIGHT * model.predict(examples.features) + (1 - WEIGHT) * examples.features[:, -1]
    amounts: Numbers = ratio * examples.key[:, 4]
    return amounts


def backtest(examples: Examples, season: int) -> Iterator[tuple[Examples, Numbers]]:
    """The newest two seasons in FOLDS parts, each forecast by a model of what was known when it began."""
    length = max(1, 2 * season // FOLDS)
    for number in range(FOLDS, 0, -1):
        begin = -number * length
        seen = examples.where(examples.known_at <= begin)
        asked = examples.where(
            (examples.key[:, 2] >= begin) & (examples.key[:, 2] < begin + length)
        )
        if len(seen.target) >= LEAST_EXAMPLES and len(asked.target):
            yield asked, predicted(fitted(seen), asked)


def train(folder: Path, model_folder: Path, output_folder: Path, seasons: Sequence[int]) -> None:
    """Models of all tables, and their backtest; `seasons` by number of the table.

    The last lines of the log are metrics, as MetricDefinitions read them.
    """
    files = (_numbers(file, skiprows=1) for file in sorted(folder.glob("*.csv")))
    with_target = [numbers for numbers in files if numbers.size]  # Spark may leave a header alone
    everything = _examples(np.concatenate(with_target), with_target=True)
    models: dict[int, HistGradientBoostingRegressor] = {}
    error = size = 0.0
    output_folder.mkdir(parents=True, exist_ok=True)
    with (output_folder / BACKTEST_FILE).open("w", encoding="utf-8", newline="") as stream:
        written = csv.writer(stream, lineterminator="\n")
        for table in sorted({int(number) for number in everything.key[:, 0]}):
            examples = everything.where(everything.key[:, 0] == table)
            for asked, amounts in backtest(examples, seasons[table]):
                written.writerows(_keyed(asked, amounts))
                came = asked.target * asked.key[:, 4]
                error, size = error + abs(came - amounts).sum(), size + abs(came).sum()
            models[table] = fitted(examples)
    joblib.dump(models, model_folder / MODEL_FILE)
    _ship_code(model_folder)
    print(f"examples={len(everything.target)};")
    print(f"backtest_wape={error / size if size else 0.0:.6f};")


def _ship_code(model_folder: Path) -> None:
    """The model is served by the code that trained it, which a container without network could not fetch."""
    code = model_folder / CODE_FOLDER
    code.mkdir(exist_ok=True)
    shutil.copy(__file__, code / Path(__file__).name)


def _numbers(source: Path | io.StringIO, *, skiprows: int) -> Numbers:
    return np.loadtxt(source, dtype=np.float64, delimiter=",", skiprows=skiprows, ndmin=2)


def _examples(numbers: Numbers, *, with_target: bool) -> Examples:
    end = numbers.shape[1] - (1 if with_target else 0)
    target = numbers[:, -1] if with_target else np.zeros(len(numbers))
    return Examples(numbers[:, : len(KEY)], numbers[:, len(KEY) : end], target)


def _keyed(examples: Examples, amounts: Numbers) -> Iterator[tuple[int, int, int, int, str]]:
    for key, amount in zip(examples.key, amounts, strict=True):
        table, series, moment, step = (int(number) for number in key[:4])
        yield table, series, moment, step, repr(float(amount))


# What the image calls for a batch transform.
# Source: SageMaker Python SDK, "Using Scikit-learn with the SageMaker Python SDK", Load a Model and Serve a Model.


def model_fn(model_dir: str) -> Any:
    """The models by number of their table."""
    return joblib.load(Path(model_dir) / MODEL_FILE)


def input_fn(body: str, content_type: str) -> Examples:
    """Rows without header and target. Raises ValueError for another content type than text/csv."""
    if content_type != CSV:
        raise ValueError(f"content type is {content_type!r}; send {CSV}")
    return _examples(_numbers(io.StringIO(body), skiprows=0), with_target=False)


def predict_fn(examples: Examples, models: dict[int, HistGradientBoostingRegressor]) -> str:
    """Lines `table,series,moment,step,amount`, in the order of the rows."""
    out = io.StringIO()
    written = csv.writer(out, lineterminator="\n")
    amounts = np.zeros(len(examples.key))
    for table in sorted({int(number) for number in examples.key[:, 0]}):
        rows = examples.key[:, 0] == table
        amounts[rows] = predicted(models[table], examples.where(rows))
    written.writerows(_keyed(examples, amounts))
    return out.getvalue()


def output_fn(prediction: str, accept: str) -> tuple[str, str]:
    """Raises ValueError where something else than text/csv is wanted."""
    if accept != CSV:
        raise ValueError(f"accept is {accept!r}; ask for {CSV}")
    return prediction, CSV


def main() -> None:
    """Entry point of a training job: hyperparameters come as arguments, folders as variables of the image."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seasons", required=True, help="JSON list: periods of a season, by table")
    given = parser.parse_args()
    train(
        Path(os.environ["SM_CHANNEL_TRAIN"]),
        Path(os.environ["SM_MODEL_DIR"]),
        Path(os.environ["SM_OUTPUT_DATA_DIR"]),
        json.loads(given.seasons),
    )


if __name__ == "__main__":
    main()
