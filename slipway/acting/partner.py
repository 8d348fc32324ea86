"""A partner's side: a plain SFTP client with a key, as any partner's software would connect.

A file is sent under a `.part` name and renamed when complete, so that nobody reads half of it. The rename replaces a
file of the same name, which is there from the day before: accepted files stay in the partner's folder.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko

from contracts.errors import PermanentError
from contracts.model import Checksum
from pipeline import checksums
from slipway.deployment import LOCAL, Deployment, state_directory


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where and as whom to connect."""

    host: str
    port: int
    user: str
    key_file: Path


class UploadFailed(PermanentError):
    """A file did not reach the landing zone."""


def endpoint(deployment: Deployment, *, user: str, identity: str | None) -> Endpoint:
    """The SFTP endpoint of a deployment for one partner.

    Raises UploadFailed when a real account is addressed without a private key, or has no SFTP server.
    """
    if deployment.environment == LOCAL:
        from local_cloud import session

        cloud = session.attach(state_directory())
        key_file = Path(identity) if identity else cloud.sftp_key_file
        return Endpoint(host="127.0.0.1", port=cloud.sftp_port, user=user, key_file=key_file)
    if not identity:
        raise UploadFailed(
            f"--identity KEYFILE is needed to log in as {user!r} in {deployment.environment!r}"
        )
    if "TransferServerId" not in deployment.outputs:
        settings = f"config/{deployment.environment}.yaml"
        raise UploadFailed(
            f"environment {deployment.environment!r} has no SFTP server: set sftp.enabled: true and name partners"
            f" in sftp.users of {settings}, then: make deploy ENVIRONMENT={deployment.environment}"
        )
    host = f"{deployment.outputs['TransferServerId']}.server.transfer.{deployment.region}.amazonaws.com"
    return Endpoint(host=host, port=22, user=user, key_file=Path(identity))


@contextmanager
def connected(to: Endpoint) -> Iterator[paramiko.SFTPClient]:
    """An open SFTP session, closed on leaving. Unknown host keys of a real server are refused."""
    client = paramiko.SSHClient()
    client.load_system_host_keys()
    # The embedded server makes a new host key at each start; a real server's key must be known.
    local = to.host == "127.0.0.1"
    client.set_missing_host_key_policy(
        paramiko.AutoAddPolicy() if local else paramiko.RejectPolicy()
    )
    try:
        client.connect(
            to.host,
            port=to.port,
            username=to.user,
            key_filename=str(to.key_file),
            allow_agent=False,
            look_for_keys=False,
            timeout=20,
        )
    except (paramiko.SSHException, OSError) as error:
        raise UploadFailed(
            f"SFTP login as {to.user!r} at {to.host}:{to.port} failed: {error}"
        ) from error
    with client, client.open_sftp() as session:
        yield session


def send(
    session: paramiko.SFTPClient, file: Path, *, folder: str, checksum: Checksum | None = None
) -> float:
    """Send one file to `/<folder>/<name>`, and its checksum beside it if one is wanted; the seconds it took.

    Raises UploadFailed when the file cannot be read or the server refuses it.
    """
    started = time.monotonic()
    target = f"/{folder}/{file.name}"
    unfinished = target + ".part"
    try:
        session.put(str(file), unfinished, confirm=True)
        _rename(session, unfinished, target)
        if checksum:
            text = checksums.line(file.read_bytes(), checksum, file.name)
            session.putfo(io.BytesIO(text), target + checksums.suffix(checksum))
    except OSError as error:
        left = _removed_or_left(session, unfinished)
        raise UploadFailed(f"{file} could not be sent to {target}: {error}{left}") from error
    return time.monotonic() - started


def _rename(session: paramiko.SFTPClient, source: str, target: str) -> None:
    """Rename over a file that is there.

    SFTP's own rename refuses that (draft-ietf-secsh-filexfer-02, section 6.5); OpenSSH's extension allows it, but a
    server need not have it. Servers name a failure in words of their own, so one without a number is tried otherwise.
    """
    for rename in (session.posix_rename, session.rename):
        try:
            rename(source, target)
        except OSError as error:
            if error.errno is not None:
                raise
        else:
            return
    session.remove(target)
    session.rename(source, target)


def _removed_or_left(session: paramiko.SFTPClient, unfinished: str) -> str:
    """What to say of the unfinished file: nothing when it is gone."""
    try:
        session.remove(unfinished)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"; {unfinished} is left there ({error})"
    return ""
