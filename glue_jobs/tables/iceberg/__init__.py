"""The table format Iceberg: `tables` reads, writes and publishes, `upkeep` maintains."""
