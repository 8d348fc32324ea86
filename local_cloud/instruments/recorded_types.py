"""Resource types that a deployment recorded without making anything real; each deployment lists them."""

recorded: set[str] = set()
