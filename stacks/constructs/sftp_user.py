"""One partner's login: a role that reaches one prefix of one bucket, and a home directory that hides the rest."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_transfer as transfer
from constructs import Construct

from contracts import naming
from stacks.constructs import permissions


class SftpUser(Construct):
    """User `name` of `server`, locked to `partners/<name>/` of `bucket` in two ways: by role and by home directory."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        public_keys: Sequence[str],
        server: transfer.CfnServer,
        bucket: s3.IBucket,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        home = f"{naming.LANDING_PREFIX}{name}"
        self.role = iam.Role(
            self,
            "Role",
            # Source: Transfer Family user guide, "Create an IAM role and policy", confused deputy prevention.
            assumed_by=iam.ServicePrincipal(
                "transfer.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {
                        "aws:SourceArn": stack.format_arn(
                            service="transfer", resource="user", resource_name=f"{server.attr_server_id}/*"
                        )
                    },
                },
            ),
            description=f"What partner {name} may do over SFTP",
        )
        permissions.allow_s3_list(self.role, bucket=bucket, prefix=f"{home}/")
        permissions.allow(self.role, actions=["s3:GetBucketLocation"], resources=[bucket.bucket_arn])
        permissions.allow_s3_read(self.role, bucket=bucket, prefixes=[f"{home}/"])
        permissions.allow_s3_write(self.role, bucket=bucket, prefixes=[f"{home}/"], delete=True)
        permissions.allow_key(self.role, key=key, services=["s3"], write=True)
        user = transfer.CfnUser(
            self,
            "User",
            server_id=server.attr_server_id,
            user_name=name,
            role=self.role.role_arn,
            home_directory_type="LOGICAL",
            home_directory_mappings=[
                transfer.CfnUser.HomeDirectoryMapEntryProperty(entry="/", target=f"/{bucket.bucket_name}/{home}")
            ],
            ssh_public_keys=list(public_keys),
        )
        user.node.add_dependency(self.role)
