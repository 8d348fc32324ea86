"""Loads the curated tables of a dataset into Redshift, through the Data API, in one transaction."""
