"""Ends a run that failed: files wait again, the lock is free, people are told once."""
