"""Write the mutants of the tree in the current folder to `mutants`, and run nothing: what mutmut does first."""

from __future__ import annotations

from pathlib import Path

from mutmut import __main__ as mutmut


def main() -> None:
    """Generate, one process."""
    mutmut.set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.setup_source_paths()
    mutmut.store_lines_covered_by_tests()
    mutmut.create_mutants(1)


if __name__ == "__main__":
    main()
