"""Alarms that fire: metrics as AWS's services emit them, an evaluator, and its messages."""
