"""Computes a mart from one consistent cut of its inputs, reconciles and publishes it, under the mart's own lock."""
