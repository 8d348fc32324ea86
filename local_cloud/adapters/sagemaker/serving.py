"""Runs in the container of a transform: loads the script, then answers each request as the image's server does.

`serving.py SCRIPT MODEL_DIR REQUESTS RESPONSES CONTENT_TYPE ACCEPT`. Source: aws/sagemaker-scikit-learn-container,
serving.py (which functions a script has); aws/sagemaker-containers, _transformer.py and _worker.py (text for CSV and
JSON, bytes otherwise; a pair of body and type, or a body).
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

AS_TEXT = ("application/json", "text/csv")


def main(
    script: str, model_dir: str, requests: str, responses: str, content: str, accept: str
) -> None:
    """Answer every request, in the order of their names."""
    module = _loaded(Path(script))
    model = module.model_fn(model_dir)
    for request in sorted(Path(requests).iterdir()):
        body: Any = request.read_bytes()
        if content in AS_TEXT:
            body = body.decode("utf-8")
        answer = module.output_fn(module.predict_fn(module.input_fn(body, content), model), accept)
        told = answer[0] if isinstance(answer, tuple) else answer
        (Path(responses) / request.name).write_bytes(
            told.encode("utf-8") if isinstance(told, str) else told
        )


def _loaded(script: Path) -> Any:
    """The script as a module of its name. Raises AttributeError for one without the functions that serve."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    if spec is None or spec.loader is None:
        raise ImportError(f"{script} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module  # pickled models name the classes of their script by it
    spec.loader.exec_module(module)
    for name in ("model_fn", "input_fn", "predict_fn", "output_fn"):
        getattr(module, name)
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])
