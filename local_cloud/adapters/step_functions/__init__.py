"""Service integrations of Step Functions that the emulator lacks or gets wrong."""
