"""What a partner with a real SFTP client can reach: its own folder, and nothing else.

A second partner is made as the stack makes one (same role, same home directory, other name), with a key of its own.
Each attempt is followed by a look at the whole landing bucket: nothing outside the partner's prefix appears, changes or
goes. Source: Transfer Family user guide, "Using logical directories to simplify your directory structures"; "Supported
SFTP/FTPS/FTP commands" (no links over S3).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import paramiko
import pytest

from local_cloud.session import LocalCloud
from tests.end_to_end.pipeline import Pipeline

pytestmark = pytest.mark.push

OWN = "partners/acme/"
THEIRS = "partners/globex/"
SECRET = b"prices of globex\n"
Session = paramiko.SFTPClient


@dataclass(frozen=True)
class Partners:
    """Two partners of one server, and the landing bucket behind it."""

    pipeline: Pipeline
    port: int
    keys: dict[str, paramiko.PKey]

    @property
    def transfer(self) -> Any:
        return self.pipeline.deployment.client("transfer")

    @property
    def server(self) -> str:
        return self.pipeline.deployment.output("TransferServerId")

    @contextmanager
    def connected(
        self, user: str, key: paramiko.PKey | None = None, password: str | None = None
    ) -> Iterator[Session]:
        with paramiko.Transport(("127.0.0.1", self.port)) as transport:
            transport.connect(username=user, pkey=key, password=password)
            client = paramiko.SFTPClient.from_transport(transport)
            assert client
            yield client

    def objects(self) -> dict[str, str]:
        """Key and version of every object that is not below acme's prefix."""
        bucket = self.pipeline.deployment.output("LandingBucketName")
        s3 = self.pipeline.deployment.client("s3")
        listed = s3.list_object_versions(Bucket=bucket)
        found = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
        return {
            item["Key"]: item["VersionId"]
            for item in found
            if not item["Key"].startswith((OWN, "rejected/acme"))
        }

    def own(self) -> list[str]:
        bucket = self.pipeline.deployment.output("LandingBucketName")
        listed = self.pipeline.deployment.client("s3").list_objects_v2(Bucket=bucket, Prefix=OWN)
        return sorted(item["Key"] for item in listed.get("Contents", []))


def public(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def as_the_stack(pipeline: Pipeline, name: str, key: paramiko.PKey) -> None:
    """A partner like acme, whose role and home directory carry another name."""
    transfer, iam = pipeline.deployment.client("transfer"), pipeline.deployment.client("iam")
    server = pipeline.deployment.output("TransferServerId")
    acme = transfer.describe_user(ServerId=server, UserName="acme")["User"]
    model_role = acme["Role"].rsplit("/", 1)[-1]
    trust = iam.get_role(RoleName=model_role)["Role"]["AssumeRolePolicyDocument"]
    role = iam.create_role(RoleName=f"partner-{name}", AssumeRolePolicyDocument=json.dumps(trust))[
        "Role"
    ]
    for policy in iam.list_role_policies(RoleName=model_role)["PolicyNames"]:
        document = json.dumps(
            iam.get_role_policy(RoleName=model_role, PolicyName=policy)["PolicyDocument"]
        )
        changed = document.replace("partners/acme", f"partners/{name}")
        assert changed != document
        iam.put_role_policy(RoleName=f"partner-{name}", PolicyName=policy, PolicyDocument=changed)
    (home,) = acme["HomeDirectoryMappings"]
    transfer.create_user(
        ServerId=server,
        UserName=name,
        Role=role["Arn"],
        HomeDirectoryType="LOGICAL",
        HomeDirectoryMappings=[
            {"Entry": "/", "Target": home["Target"].replace("/acme", f"/{name}")}
        ],
        SshPublicKeyBody=public(key),
    )


@pytest.fixture(scope="module")
def partners(pipeline: Pipeline, cloud: LocalCloud) -> Partners:
    keys: dict[str, paramiko.PKey] = {
        "acme": paramiko.Ed25519Key.from_private_key_file(str(cloud.sftp_key_file)),
        "globex": paramiko.ECDSAKey.generate(),
    }
    as_the_stack(pipeline, "globex", keys["globex"])
    found = Partners(pipeline, cloud.sftp_port, keys)
    with found.connected("globex", keys["globex"]) as sftp:
        write(sftp, "/other/prices.part", SECRET)
    return found


def write(sftp: Session, path: str, content: bytes = b"stolen\n") -> None:
    with sftp.open(path, "wb") as file:
        file.write(content)


def test_each_partner_sees_its_own_files_at_the_root_and_nothing_above(partners: Partners) -> None:
    with partners.connected("acme", partners.keys["acme"]) as sftp:
        write(sftp, "/note.part")
        for root in ("/", "", ".", "/other/.."):
            assert "other" not in sftp.listdir(root)
            assert "note.part" in sftp.listdir(root)
            assert not {"acme", "globex", "partners", "rejected"} & set(sftp.listdir(root))
        for above in ("..", "/..", "../..", "/other/../..", "/../acme"):
            with pytest.raises(PermissionError):
                sftp.listdir(above)
            with pytest.raises(PermissionError):
                sftp.stat(above)
    with partners.connected("globex", partners.keys["globex"]) as sftp:
        assert sftp.listdir("/") == ["other"]


THEIR_FILE = (
    "/../globex/other/prices.part",
    "../globex/other/prices.part",
    "../../partners/globex/other/prices.part",
    "/partners/globex/other/prices.part",
    "/globex/other/prices.part",
    "/sales_records/../../globex/other/prices.part",
    "/./..//globex/other/prices.part",
    "//partners//globex//other//prices.part",
    "/%2e%2e/globex/other/prices.part",
    "/..%2fglobex/other/prices.part",
    "/..\\globex\\other\\prices.part",
    "/\u2024\u2024/globex/other/prices.part",
    "/{bucket}/partners/globex/other/prices.part",
)


def paths(partners: Partners) -> list[str]:
    bucket = partners.pipeline.deployment.output("LandingBucketName")
    return [path.format(bucket=bucket) if "{bucket}" in path else path for path in THEIR_FILE]


ATTEMPTS: dict[str, Callable[[Session, str], object]] = {
    "stat": lambda sftp, path: sftp.stat(path),
    "open": lambda sftp, path: sftp.open(path, "rb").read(),
    "remove": lambda sftp, path: sftp.remove(path),
    "rename": lambda sftp, path: sftp.rename(path, "/sales_records/prices.part"),
    "posix_rename": lambda sftp, path: sftp.posix_rename(path, "/sales_records/prices.part"),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_another_partners_file_cannot_be_reached_by_any_path(partners: Partners, name: str) -> None:
    before = partners.objects(), partners.own()
    with partners.connected("acme", partners.keys["acme"]) as sftp:
        for path in paths(partners):
            with pytest.raises((FileNotFoundError, PermissionError)):
                ATTEMPTS[name](sftp, path)
    assert (partners.objects(), partners.own()) == before
    with (
        partners.connected("globex", partners.keys["globex"]) as sftp,
        sftp.open("/other/prices.part", "rb") as file,
    ):
        assert file.read() == SECRET


def test_another_partners_folder_can_neither_be_listed_nor_removed_by_any_path(
    partners: Partners,
) -> None:
    before = partners.objects()
    with partners.connected("acme", partners.keys["acme"]) as sftp:
        for path in paths(partners):
            folder = path.rpartition("/")[0] or "/"
            try:
                assert "prices.part" not in sftp.listdir(folder)
                sftp.rmdir(folder)
            except OSError:
                continue  # refused, as it should be
    assert partners.objects() == before


def test_what_is_written_to_another_partners_path_stays_in_the_writers_own_folder(
    partners: Partners,
) -> None:
    before = partners.objects()
    with partners.connected("acme", partners.keys["acme"]) as sftp:
        write(sftp, "/mine.part")
        for path in paths(partners):
            try:
                write(sftp, f"{path}.part")
                sftp.rename("/mine.part", f"{path}.renamed.part")
                write(sftp, "/mine.part")
                sftp.mkdir(path.replace("other/prices.part", "made"))
            except OSError:
                continue
    assert partners.objects() == before
    assert all(key.startswith(OWN) for key in partners.own())


def test_links_are_refused(partners: Partners) -> None:
    before = partners.objects(), partners.own()
    with partners.connected("acme", partners.keys["acme"]) as sftp:
        for target in ("/../globex/other/prices.part", "../globex", "/etc/passwd"):
            with pytest.raises(OSError, match="support"):
                sftp.symlink(target, "/sales_records/link.csv")
        with pytest.raises(OSError, match="support"):
            sftp.readlink("/sales_records/link.csv")
    assert (partners.objects(), partners.own()) == before


def refused(
    partners: Partners, user: str, key: paramiko.PKey | None = None, password: str | None = None
) -> None:
    with pytest.raises(paramiko.SSHException), partners.connected(user, key, password):
        pytest.fail(f"{user!r} was let in")


def test_only_the_partners_own_key_opens_its_account(partners: Partners) -> None:
    refused(partners, "acme", paramiko.ECDSAKey.generate())
    refused(partners, "acme", partners.keys["globex"])
    refused(partners, "globex", partners.keys["acme"])
    refused(partners, "nobody", partners.keys["acme"])
    refused(partners, "ACME", partners.keys["acme"])
    refused(partners, "", partners.keys["acme"])


@pytest.mark.parametrize("password", ["", "acme", "password"])
def test_no_password_opens_an_account(partners: Partners, password: str) -> None:
    refused(partners, "acme", password=password)
    with paramiko.Transport(("127.0.0.1", partners.port)) as transport:
        transport.start_client(timeout=60)
        with pytest.raises(paramiko.BadAuthenticationType) as answer:
            transport.auth_none("acme")
        assert answer.value.allowed_types == ["publickey"]


def test_a_partner_gets_no_shell_and_no_tunnel(partners: Partners) -> None:
    with paramiko.Transport(("127.0.0.1", partners.port)) as transport:
        transport.connect(username="acme", pkey=partners.keys["acme"])
        with pytest.raises(paramiko.SSHException):
            transport.open_session(timeout=60).exec_command("id")
        with pytest.raises(paramiko.SSHException):
            transport.open_session(timeout=60).invoke_shell()
        with pytest.raises(paramiko.SSHException):
            transport.open_channel("direct-tcpip", ("127.0.0.1", 80), ("127.0.0.1", 1), timeout=60)


def test_a_withdrawn_key_a_stopped_server_and_a_deleted_user_are_refused_at_once(
    partners: Partners,
) -> None:
    key = paramiko.ECDSAKey.generate()
    as_the_stack(partners.pipeline, "initech", key)
    with partners.connected("initech", key) as sftp:
        assert sftp.listdir("/") == []
    user = partners.transfer.describe_user(ServerId=partners.server, UserName="initech")["User"]
    (imported,) = user["SshPublicKeys"]
    partners.transfer.delete_ssh_public_key(
        ServerId=partners.server, UserName="initech", SshPublicKeyId=imported["SshPublicKeyId"]
    )
    refused(partners, "initech", key)
    partners.transfer.import_ssh_public_key(
        ServerId=partners.server, UserName="initech", SshPublicKeyBody=public(key)
    )
    partners.transfer.stop_server(ServerId=partners.server)
    refused(partners, "initech", key)
    partners.transfer.start_server(ServerId=partners.server)
    with partners.connected("initech", key):
        pass
    partners.transfer.delete_user(ServerId=partners.server, UserName="initech")
    refused(partners, "initech", key)


def test_a_role_that_lost_its_permission_stops_an_open_session(partners: Partners) -> None:
    key = paramiko.ECDSAKey.generate()
    as_the_stack(partners.pipeline, "hooli", key)
    iam = partners.pipeline.deployment.client("iam")
    with partners.connected("hooli", key) as sftp:
        write(sftp, "/before.part")
        for policy in iam.list_role_policies(RoleName="partner-hooli")["PolicyNames"]:
            iam.delete_role_policy(RoleName="partner-hooli", PolicyName=policy)
        with pytest.raises(PermissionError):
            write(sftp, "/after.part")
        with pytest.raises(PermissionError):
            sftp.listdir("/")
    with partners.connected("hooli", key) as sftp, pytest.raises(PermissionError):
        sftp.putfo(io.BytesIO(b"x"), "/again.part")
