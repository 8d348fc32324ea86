"""DataFrame to DataFrame: no sessions, no clients, no storage."""
