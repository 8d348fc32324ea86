"""Marts as people write them: YAML and SQL in, checked against the contracts, compiled to the JSON that runs read."""

from contracts.authoring.marts.workspace import require_current

__all__ = ["require_current"]
