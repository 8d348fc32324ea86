"""EMR Serverless: applications, and job runs by a local Spark of the release's version under their execution role."""
