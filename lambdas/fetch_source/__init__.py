"""Fetches one source into a file in landing, in as many calls as it takes, or says why it cannot."""
