"""SageMaker as far as one training and one batch transform go: jobs really run, in AWS's script mode, on this machine.

What a job is given comes from S3 and what it leaves goes there under the job's role, with the trust policy and every
request checked. The script runs in a process of its own without credentials, laid out as the published image of
scikit-learn does. What it is not: the image itself (Python and libraries are those of `make setup`), a machine of the
instance type, a network that is shut off, logs and metrics in CloudWatch, or events of jobs. Whatever else a request
asks for is refused by name.
"""
