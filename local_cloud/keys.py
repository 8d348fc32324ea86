"""The SSH key with which the local environment's partners log in: made at each start, never reused."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PRIVATE_KEY = "partner_key"
PUBLIC_KEY = "partner_key.pub"


def make(directory: Path) -> None:
    """Write a new key pair in OpenSSH's format; the private half is readable by its owner only."""
    key = Ed25519PrivateKey.generate()
    private = directory / PRIVATE_KEY
    private.unlink(missing_ok=True)
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    (directory / PUBLIC_KEY).write_text(f"{public.decode()} slipway-local\n")
