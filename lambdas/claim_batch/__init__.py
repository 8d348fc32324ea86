"""Takes the lock of a dataset and the files that wait, and writes the manifest of the run."""
