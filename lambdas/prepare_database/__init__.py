"""Makes the user of the internal database that writes tables back, and gives it its rights (docs/write_back.md)."""
