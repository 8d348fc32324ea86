"""Takes a dataset's lock for care (pipeline/modes.py) and writes down what shall be done."""
