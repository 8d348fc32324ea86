"""One module per sub-command, each with `run(options) -> exit code`."""
