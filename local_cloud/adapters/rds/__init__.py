"""RDS: servers that answer, under users that IAM lets in."""
