"""The AWS infrastructure, one file per stack; constructs/ holds one capability per file."""
