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

DOCUMENTED = (
    "in the role that Transfer Family documents; which requests the service makes is up to it"
)


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
        home = f"{naming.LANDING_PREFIX}{name}"
        self.role = self._role(name, server)
        permissions.allow_s3_list(self.role, bucket=bucket, prefix=f"{home}/")
        permissions.allow(
            self.role,
            actions=["s3:GetBucketLocation"],
            resources=[bucket.bucket_arn],
            rarely_used=DOCUMENTED,
        )
        # Versions and location as in the role that the service documents.
        # Source: Transfer Family user guide, "Create an IAM role and policy".
        permissions.allow_s3_read(self.role, bucket=bucket, prefixes=[f"{home}/"], versions=True)
        permissions.note_rarely_used(self.role, {"s3:GetObjectVersion": DOCUMENTED})
        permissions.allow_s3_write(self.role, bucket=bucket, prefixes=[f"{home}/"])
        permissions.allow_s3_delete(self.role, bucket=bucket, prefixes=[f"{home}/"])
        permissions.allow_key(self.role, key=key, services=["s3"], write=True)
        user = transfer.CfnUser(
            self,
            "User",
            server_id=server.attr_server_id,
            user_name=name,
            role=self.role.role_arn,
            home_directory_type="LOGICAL",
            home_directory_mappings=[
                transfer.CfnUser.HomeDirectoryMapEntryProperty(
                    entry="/", target=f"/{bucket.bucket_name}/{home}"
                )
            ],
            ssh_public_keys=list(public_keys),
        )
        user.node.add_dependency(self.role)

    def _role(self, name: str, server: transfer.CfnServer) -> iam.Role:
        stack = Stack.of(self)
        # Source: Transfer Family user guide, "Create an IAM role and policy", confused deputy prevention.
        users = stack.format_arn(
            service="transfer", resource="user", resource_name=f"{server.attr_server_id}/*"
        )
        return iam.Role(
            self,
            "Role",
            assumed_by=permissions.service_for(self, "transfer", source=users),
            description=f"What partner {name} may do over SFTP",
        )
