"""The SSH key with which the local environment's partners log in: made and kept with an assembly."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PRIVATE_KEY = "partner_key"
PUBLIC_KEY = "partner_key.pub"


def make(directory: Path) -> None:
    """Write a new key pair in OpenSSH's format; the private half is readable by its owner only."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    _write(
        directory,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        ),
        public + b" slipway-local\n",
    )


def copy(source: Path, directory: Path) -> None:
    """Write the pair that is in `source`, for a server that deploys what was synthesized with it."""
    _write(directory, (source / PRIVATE_KEY).read_bytes(), (source / PUBLIC_KEY).read_bytes())


def _write(directory: Path, private: bytes, public: bytes) -> None:
    file = directory / PRIVATE_KEY
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(private)
    (directory / PUBLIC_KEY).write_bytes(public)
