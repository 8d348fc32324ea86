"""A contract as a warehouse holds it: types and layout of its tables, and the statements of a load."""
