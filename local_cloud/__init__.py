"""The embedded AWS: an emulator, the adapters for what it lacks, and the real CDK command line that deploys to it."""
