"""The operator's command: the same words against the embedded AWS and a real account."""
