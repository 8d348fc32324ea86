"""CloudTrail: what was asked of the embedded AWS, selected and delivered to a bucket as files of events."""
