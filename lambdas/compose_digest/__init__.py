"""Composes the one message that tells people of a burst of files, rejected or taken."""
