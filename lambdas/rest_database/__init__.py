"""Wakes the instance of the internal database for runs, and puts it to sleep after them (docs/write_back.md)."""
