"""Checks as columns: each yields null, or the rule that a row breaks and the reason in words."""
