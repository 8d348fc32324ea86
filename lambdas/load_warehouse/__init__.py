"""Loads the curated tables of a dataset, or a mart, into Redshift, through the Data API, in one transaction."""
