"""The Spark jobs of the pipeline: the same scripts run on Glue 6.0, on EMR and locally under spark-submit.

Entry scripts (raw_to_processed, processed_to_curated, care) only wire. `transforms` and `quality` turn columns into
columns and know no session, bucket or client; `tables` hides the table format; `storage` is the only module that
talks to S3 itself.
"""
