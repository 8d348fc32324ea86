"""Takes a dataset's lock for care (maintenance, rollback, erasure) and writes down what shall be done."""
