"""Takes files from the landing bucket: accepts them into raw and the ledger, or moves them aside with the reason."""
