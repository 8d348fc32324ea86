"""Who may do what: calls of AWS services in their own name, use of keys, and requests that no rule covers."""
