"""What is trained: scripts that run unchanged in AWS's published image and on this machine (docs/forecast.md)."""
