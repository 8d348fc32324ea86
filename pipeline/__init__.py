"""What a run is: its ledgers and lock, what its steps hand to each other, whom it tells, and what it costs.

Stands on `contracts` and the standard library only, so that functions, jobs and the operator's command can
import it.
"""
