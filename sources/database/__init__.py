"""Tables of an application's PostgreSQL: what is read, in one snapshot, and what the database itself says of it."""
