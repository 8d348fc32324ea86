"""Read a deployment: its ledgers, lake and warehouse, and the accounts that must agree.

Nothing here changes anything.
"""
