"""Ends care of a dataset: what was done to the ledgers, the lock freed, waiting files started, people told."""
