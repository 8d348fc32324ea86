"""Seeded sample files with known fates, for the demonstration, the tests and the benchmarks."""
