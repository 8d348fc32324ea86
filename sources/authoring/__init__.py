"""Sources as people write them: YAML in, checked against the contracts, compiled to the JSON that functions read."""

from sources.authoring.workspace import require_current

__all__ = ["require_current"]
