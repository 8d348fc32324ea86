"""Raw files of one run into the processed table and its quarantine, on branches that nobody reads yet.

One pass over the raw files writes staged rows; everything after reads those. The figures that the gate compares are
measured in four places on purpose: while reading (Observation), on the staged rows, against the table as it was, and in
the tables as committed. The run can be repeated at any time: branches start again from the published state, and a row
that the table already holds from the same place of the same file counts as loaded and is not written again.
"""

from glue_jobs.loading.run import run
from glue_jobs.loading.work import LoadRun

__all__ = ["LoadRun", "run"]
