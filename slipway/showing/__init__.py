"""Show what was read: tables, reports, findings with the next command."""
