"""QuickSight as far as a refresh goes."""
