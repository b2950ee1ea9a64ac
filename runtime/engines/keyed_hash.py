"""The secret of this machine's engine cache and the keyed hash made with it. Does not know what is hashed.

It tells what was written here from what was dropped, changed or damaged. Whoever runs as this user can read the secret: the hash is no
guard against them.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from pathlib import Path

from runtime.errors import BackendError
from runtime.files.atomic import written

_BYTES = 32  # as long as SHA-256's result: more adds nothing


def make_secret(path: Path) -> bytes:
    """A new one, its owner's alone. Whoever calls sees to it that no other process does so too."""
    secret = secrets.token_bytes(_BYTES)
    with written(path, private=True) as part:
        part.write_bytes(secret)
    return secret


def read_secret(path: Path) -> bytes:
    """FileNotFoundError where there is none; a BackendError for one that somebody else made or may have seen."""
    with path.open("rb") as file:
        facts = os.fstat(file.fileno())
        secret = file.read(_BYTES + 1)
    out = "engines checked with it are not trusted; remove them and it with: clearway engines prune --all, then build again"
    if facts.st_uid != os.geteuid():
        raise BackendError(f"{path}: expected a key file of this user ({os.geteuid()}), but it is user {facts.st_uid}'s; {out}")
    if (mode := stat.S_IMODE(facts.st_mode)) & 0o077:
        raise BackendError(f"{path}: expected a key file of mode 0600, got {mode:04o}: others may have read it; {out}")
    if len(secret) != _BYTES:
        raise BackendError(f"{path}: expected a key file of {_BYTES} bytes, got {facts.st_size}; {out}")
    return secret


def keyed_hash(secret: bytes, content: bytes) -> str:
    return hmac.digest(secret, content, "sha256").hex()


def fits(secret: bytes, content: bytes, claimed: bytes) -> bool:
    """Takes the same time wherever the first wrong byte is."""
    return hmac.compare_digest(keyed_hash(secret, content).encode(), claimed)
