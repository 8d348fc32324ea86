"""Host keys that a template imports: the SFTP server shows the oldest of each type, its own first.

Source: Transfer Family user guide, "Add an additional server host key": "The oldest key for each key type (RSA, ECDSA,
or ED25519) is the active key for the server for that type." All servers here share one listener, and so their keys.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import asyncssh

from local_cloud.patching import EmulatorChanged, original
from local_cloud.settings import ACCOUNT, REGION

TRANSFER = "ministack.services.transfer"
PROVISIONERS = "ministack.services.cloudformation.provisioners"
Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

_imported: dict[str, asyncssh.SSHKey] = {}  # by id, oldest first


def install() -> None:
    """Make AWS::Transfer::HostKey a type that CloudFormation knows here."""
    original(PROVISIONERS, "_RESOURCE_HANDLERS")["AWS::Transfer::HostKey"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }


def active(own: asyncssh.SSHKey, imported: list[asyncssh.SSHKey]) -> list[asyncssh.SSHKey]:
    """The keys that a client may be shown, one of each type."""
    by_type: dict[str, asyncssh.SSHKey] = {}
    for key in (own, *imported):
        by_type.setdefault(key.get_algorithm(), key)
    return list(by_type.values())


def _create(_logical_id: str, properties: Properties, _stack_name: str) -> Created:
    server_id = properties["ServerId"]
    try:
        key = asyncssh.import_private_key(properties["HostKeyBody"])
    except asyncssh.KeyImportError as error:
        raise ValueError(
            f"Transfer ImportHostKey of {server_id}: HostKeyBody is not a private key: {error}"
        ) from error
    key_id = f"hostkey-{uuid4().hex[:17]}"
    _imported[key_id] = key
    _show()
    arn = f"arn:aws:transfer:{REGION}:{ACCOUNT}:host-key/{server_id}/{key_id}"
    return arn, {"Arn": arn, "HostKeyId": key_id}


def _update(
    physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str = ""
) -> Created:
    """Another server or another key is another resource; a description changes nothing."""
    if any(old.get(name) != new.get(name) for name in ("ServerId", "HostKeyBody")):
        _delete(physical_id, old)
        return _create(logical_id, new, stack_name)
    return physical_id, {"Arn": physical_id, "HostKeyId": physical_id.rpartition("/")[2]}


def _delete(physical_id: str, _properties: Properties) -> None:
    _imported.pop(physical_id.rpartition("/")[2], None)
    _show()


def _show() -> None:
    listener = original(TRANSFER, "_sftp_shared_acceptor")
    if listener is None:
        raise EmulatorChanged("the SFTP server does not listen, so it can be given no host key")
    own = original(TRANSFER, "_sftp_load_or_generate_host_key")()
    listener.update(server_host_keys=active(own, list(_imported.values())))
