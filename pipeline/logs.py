"""One JSON object per line on standard output, which Lambda and Glue both send to CloudWatch Logs.

A `Log` carries what every line of a unit of work has in common (dataset, run_id, file), so that one filter finds all.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Level = Literal["INFO", "WARNING", "ERROR"]


@dataclass(frozen=True)
class Log:
    """Writes lines that all carry `fields`."""

    fields: dict[str, Any] = field(default_factory=dict)

    def bind(self, **fields: Any) -> Log:
        """A log whose lines carry `fields` too."""
        return Log({**self.fields, **fields})

    def info(self, message: str, **fields: Any) -> None:
        """Something that should happen happened."""
        self._write("INFO", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Something unusual happened that needs no action now."""
        self._write("WARNING", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Something failed."""
        self._write("ERROR", message, fields)

    def _write(self, level: Level, message: str, fields: dict[str, Any]) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"timestamp": moment, "level": level, "message": message, **self.fields, **fields}
        sys.stdout.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
