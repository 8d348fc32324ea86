"""Glue: jobs run by the local Spark under their role, and the catalog calls that the emulator lacks."""
