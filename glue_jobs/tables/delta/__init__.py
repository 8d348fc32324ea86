"""The table format Delta: `log` is the only module that knows Delta's classes, `history` and `drafts` build on it.

`tables` reads, writes and publishes; `upkeep` maintains. docs/table_formats.md says what the format promises.
"""
