"""Contracts as people write them: YAML in, checked, compiled to the JSON that runtimes read.

Heavy imports (pydantic, YAML, sqlglot) live here and nowhere else; stacks and the command line use this package only
through the functions below.
"""

from contracts.authoring.workspace import check, compile_all, require_current

__all__ = ["check", "compile_all", "require_current"]
