"""Which calls to KMS another call brings with it, as a table of what each service documents; no state.

An action that reaches encrypted data and is in neither list is refused: nobody here knows what it would ask of the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.settings import ACCOUNT, REGION

DECRYPT, GENERATE = "kms:Decrypt", "kms:GenerateDataKey"
UNKNOWN = "kms:UnknownUseOfKey"  # allowed to nobody but the account's administrator
READ, WRITE = (DECRYPT,), (DECRYPT, GENERATE)
Properties = dict[str, Any]
MULTIPART = "slipway:multipart"  # in the context of an S3 request: it belongs to an upload in parts

# S3 user guide, "Using server-side encryption with AWS KMS keys", permissions; HEAD is taken for a GET.
S3_USES = {"GetObject": READ, "GetObjectVersion": READ, "PutObject": (GENERATE,)}
# KMS developer guide, "How Amazon DynamoDB uses AWS KMS": the table key is decrypted in the caller's name.
DYNAMODB_USES = dict.fromkeys(
    (
        *("GetItem", "BatchGetItem", "Query", "Scan", "ConditionCheckItem"),
        *("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"),
    ),
    READ,
)
# KMS developer guide, "How AWS Secrets Manager uses AWS KMS"; SNS developer guide, "Key management", permissions of
# publishers; SQS developer guide, "Key management", producers and consumers.
USES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "s3": S3_USES,
    "dynamodb": DYNAMODB_USES,
    "secretsmanager": {"GetSecretValue": READ, "PutSecretValue": WRITE, "UpdateSecret": WRITE},
    "sns": {"Publish": WRITE},
    "sqs": {"SendMessage": WRITE, "ReceiveMessage": READ},
}
# What reads or changes names, sizes and settings only.
WITHOUT_KEY: Mapping[str, tuple[str, ...]] = {
    "s3": (
        *(
            "ListBucket",
            "ListBucketVersions",
            "GetBucketLocation",
            "GetBucketVersioning",
            "GetBucketTagging",
        ),
        *(
            "DeleteObject",
            "DeleteObjectVersion",
            "AbortMultipartUpload",
            "ListMultipartUploadParts",
        ),
        *(
            "ListBucketMultipartUploads",
            "GetObjectTagging",
            "PutObjectTagging",
            "GetBucketAcl",
            "PutBucketPolicy",
        ),
        *("GetBucketPolicy", "GetBucketPublicAccessBlock", "GetBucketLogging", "DeleteBucket"),
        *("GetEncryptionConfiguration", "GetLifecycleConfiguration"),
    ),
    "dynamodb": ("DescribeTable", "ListTables", "DescribeTimeToLive", "DeleteTable"),
    "secretsmanager": ("DescribeSecret", "ListSecrets"),
    "sns": (
        "Subscribe",
        "Unsubscribe",
        "ListSubscriptionsByTopic",
        "GetTopicAttributes",
        "ListTopics",
    ),
    "sqs": ("DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ChangeMessageVisibility"),
}


@dataclass(frozen=True, kw_only=True)
class Key:
    """What protects a resource: the key's ARN, and under which name and value its data is bound to that resource."""

    arn: str
    context: Mapping[str, str]  # the encryption context


@dataclass(frozen=True, kw_only=True)
class KeyUse:
    """One call to KMS that a service makes for its caller; `context` holds the condition keys."""

    action: str
    key_arn: str
    context: Mapping[str, Any]


def find(keys: Mapping[str, Key], resource_arn: str) -> Key | None:
    """Of keys by the ARN of bucket, table, topic, ..., the one under which a resource's data is; None if none is.

    Data of a bucket without bucket keys is bound to the object. Source: S3 user guide, "Reducing the cost of SSE-KMS
    with Amazon S3 Bucket Keys", encryption context.
    """
    if not resource_arn.startswith("arn:aws:s3:::"):
        return keys.get(resource_arn.partition("/index/")[0].removesuffix(":*"))
    key = keys.get(resource_arn.partition("/")[0])
    if key is None or key.context:
        return key
    return Key(arn=key.arn, context={"aws:s3:arn": resource_arn})


def uses(action: str, key: Key, context: Mapping[str, Any]) -> list[KeyUse]:
    """The calls to KMS of one action on a resource under `key`; `context` is that of the action itself."""
    service, _, name = action.partition(":")
    if service == "logs" or name in WITHOUT_KEY.get(
        service, ()
    ):  # CloudWatch Logs uses keys in its own name only
        return []
    actions = USES.get(service, {}).get(name, (UNKNOWN,))
    if (
        context.get(MULTIPART) and name == "PutObject"
    ):  # S3 user guide, "Multipart upload API and permissions"
        actions = WRITE
    return [
        KeyUse(action=used, key_arn=key.arn, context=_conditions(service, key)) for used in actions
    ]


def _conditions(service: str, key: Key) -> dict[str, Any]:
    """Source: KMS developer guide, "AWS KMS condition keys"."""
    return {
        "kms:ViaService": f"{service}.{REGION}.amazonaws.com",
        "kms:CallerAccount": ACCOUNT,
        "kms:EncryptionContextKeys": sorted(key.context),
        **{f"kms:EncryptionContext:{name}": value for name, value in key.context.items()},
    }


# CloudFormation: where a type names its key, and by what its data is bound to the resource. Sources: KMS developer
# guide, "Encryption context", and the user guides of the services.
def _of_bucket(properties: Properties, arn: str) -> Key | None:
    rules = properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
    for rule in rules:
        if name := rule.get("ServerSideEncryptionByDefault", {}).get("KMSMasterKeyID"):
            by_bucket = str(rule.get("BucketKeyEnabled", False)).lower() == "true"
            return Key(arn=str(name), context={"aws:s3:arn": arn} if by_bucket else {})
    return None


def _of_table(properties: Properties, arn: str) -> Key | None:
    context = {
        "aws:dynamodb:tableName": arn.rpartition("/")[2],
        "aws:dynamodb:subscriberId": ACCOUNT,
    }
    return _named(properties.get("SSESpecification", {}).get("KMSMasterKeyId"), context)


def _of_field(field: str, bound_by: str) -> Callable[[Properties, str], Key | None]:
    return lambda properties, arn: _named(properties.get(field), {bound_by: arn})


NAMED_IN: dict[str, Callable[[Properties, str], Key | None]] = {
    "AWS::S3::Bucket": _of_bucket,
    "AWS::DynamoDB::Table": _of_table,
    "AWS::SNS::Topic": _of_field("KmsMasterKeyId", "aws:sns:topicArn"),
    "AWS::SQS::Queue": _of_field("KmsMasterKeyId", "aws:sqs:arn"),
    "AWS::SecretsManager::Secret": _of_field("KmsKeyId", "SecretARN"),
    "AWS::Logs::LogGroup": _of_field("KmsKeyId", "aws:logs:arn"),
}


def _named(key: str | None, context: dict[str, str]) -> Key | None:
    return Key(arn=str(key), context=context) if key else None
