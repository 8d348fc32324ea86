"""Composes the one message that tells people of a burst of rejected files."""
