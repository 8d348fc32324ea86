"""Queues for what could not be delivered or handled, and what puts failed asynchronous invocations into them.

A rule's dead-letter queue holds events that EventBridge could not hand over. When a function takes one and fails, the
event is Lambda's: without a destination it is dropped after the last retry. So each such function needs both.
Source: EventBridge user guide, "Event retry policy and using dead-letter queues"; Lambda developer guide, "Capturing
records of Lambda asynchronous invocations".
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs import permissions
from stacks.constructs.python_function import PythonFunction

# The most that Lambda allows. Source: Lambda API reference, PutFunctionEventInvokeConfig.
RETRIES = 2  # one minute and then two after the failure; Lambda developer guide, "Error handling for asynchronous ..."
MAX_AGE_SECONDS = 6 * 60 * 60


def dead_letter_queue(scope: Construct, construct_id: str) -> sqs.Queue:
    """A queue that is nobody's source and keeps messages for as long as SQS can."""
    queue = sqs.Queue(
        scope,
        construct_id,
        # SQS-managed keys: EventBridge and Lambda need no place in a key policy.
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),  # the longest that SQS keeps a message
    )
    permissions.acknowledge(
        queue, "AwsSolutions-SQS3", "This queue is itself where undelivered messages end"
    )
    return queue


def keep_failed_invocations(part: PythonFunction, queue: sqs.Queue) -> None:
    """Let Lambda put each asynchronous invocation of `part` that failed all its tries into `queue`."""
    permissions.allow(
        part.role,
        actions=["sqs:SendMessage"],
        resources=[queue.queue_arn],
        rarely_used="Lambda keeps an event with it that the function failed to handle in all tries",
    )
    kept = lambda_.CfnEventInvokeConfig(
        part,
        "Asynchronous",
        function_name=part.function.function_name,
        qualifier="$LATEST",
        maximum_retry_attempts=RETRIES,
        maximum_event_age_in_seconds=MAX_AGE_SECONDS,
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=queue.queue_arn)
        ),
    )
    # Lambda refuses a destination that the role may not write to. Source: aws-amplify/amplify-js issue 9869.
    kept.node.add_dependency(part.role)
