"""Ends a run that succeeded: last comparison, ledgers closed, lock released, success announced."""
