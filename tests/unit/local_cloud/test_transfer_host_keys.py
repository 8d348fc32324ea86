"""Which host keys the SFTP server shows."""

from __future__ import annotations

import asyncssh
import pytest

from local_cloud.adapters import transfer_host_keys

OWN = asyncssh.generate_private_key("ssh-ed25519")


class Listener:
    """Remembers what it was given."""

    def update(self, *, server_host_keys: list[asyncssh.SSHKey]) -> None:
        self.shown = server_host_keys


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    made = Listener()
    known = {"_sftp_shared_acceptor": made, "_sftp_load_or_generate_host_key": lambda: OWN}
    monkeypatch.setattr(transfer_host_keys, "original", lambda _module, name: known[name])
    monkeypatch.setattr(transfer_host_keys, "_imported", {})
    return made


def body(algorithm: str) -> tuple[asyncssh.SSHKey, dict[str, str]]:
    key = asyncssh.generate_private_key(algorithm)
    text = key.export_private_key().decode()
    return key, {"ServerId": "s-01234567890123456", "HostKeyBody": text}


def test_a_key_of_another_type_is_shown_beside_the_servers_own(listener: Listener) -> None:
    key, properties = body("ecdsa-sha2-nistp256")
    arn, attributes = transfer_host_keys._create("HostKey", properties, "Stack")
    assert listener.shown == [OWN, key]
    assert arn.endswith(f"host-key/s-01234567890123456/{attributes['HostKeyId']}")


def test_of_one_type_the_oldest_is_shown(listener: Listener) -> None:
    _, properties = body("ssh-ed25519")
    transfer_host_keys._create("HostKey", properties, "Stack")
    assert listener.shown == [OWN]


def test_a_key_that_goes_is_no_longer_shown(listener: Listener) -> None:
    arn, _ = transfer_host_keys._create("HostKey", body("ecdsa-sha2-nistp256")[1], "Stack")
    transfer_host_keys._delete(arn, {})
    assert listener.shown == [OWN]


def test_another_key_takes_the_place_and_another_description_does_not(listener: Listener) -> None:
    first, properties = body("ecdsa-sha2-nistp256")
    arn, _ = transfer_host_keys._create("HostKey", properties, "Stack")
    described = properties | {"Description": "ours"}
    assert transfer_host_keys._update(arn, properties, described, "Stack")[0] == arn
    assert listener.shown == [OWN, first]
    second, changed = body("ecdsa-sha2-nistp256")
    assert transfer_host_keys._update(arn, described, changed, "Stack")[0] != arn
    assert listener.shown == [OWN, second]


@pytest.mark.usefixtures("listener")
def test_a_secret_without_a_key_fails_the_deployment() -> None:
    with pytest.raises(ValueError, match="HostKeyBody is not a private key"):
        transfer_host_keys._create("HostKey", {"ServerId": "s-1", "HostKeyBody": "x"}, "Stack")
