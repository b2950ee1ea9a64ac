"""The key file: private from the start, refused where others may have made or seen it; and the hash itself."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from runtime.engines.keyed_hash import fits, keyed_hash, make_secret, read_secret
from runtime.errors import BackendError


def test_what_is_made_is_read_and_private(tmp_path: Path) -> None:
    path = tmp_path / "key"
    before = os.umask(0)
    try:
        secret = make_secret(path)
    finally:
        os.umask(before)
    assert read_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(set(secret)) > 8, "random bytes"


def test_two_keys_differ(tmp_path: Path) -> None:
    assert make_secret(tmp_path / "a") != make_secret(tmp_path / "b")


def test_none_there_is_for_the_caller(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_secret(tmp_path / "key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_one_that_others_get_at(tmp_path: Path, mode: int) -> None:
    make_secret(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(BackendError, match=f"key: expected .*mode 0600, got {mode:04o}.*prune --all"):
        read_secret(tmp_path / "key")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_one_of_the_wrong_size(tmp_path: Path, size: int) -> None:
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_bytes(bytes(size))
    with pytest.raises(BackendError, match=f"of 32 bytes, got {size}.*prune --all"):
        read_secret(tmp_path / "key")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
def test_one_of_somebody_else(tmp_path: Path) -> None:
    make_secret(tmp_path / "key")
    os.chown(tmp_path / "key", 65534, -1)
    with pytest.raises(BackendError, match=r"of this user \(0\), but it is user 65534's.*prune --all"):
        read_secret(tmp_path / "key")


def test_the_hash_is_hmac_sha256() -> None:
    """RFC 4231, test case 2."""
    assert keyed_hash(b"Jefe", b"what do ya want for nothing?") == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@pytest.mark.parametrize(("secret", "content"), [(b"other", b"content"), (b"secret", b"Content"), (b"secret", b"")])
def test_another_secret_or_content_does_not_fit(secret: bytes, content: bytes) -> None:
    claimed = keyed_hash(b"secret", b"content").encode()
    assert fits(b"secret", b"content", claimed)
    assert not fits(secret, content, claimed)


@pytest.mark.parametrize("claimed", [b"", b"\xff" * 64, b"0" * 64])
def test_what_is_no_hash_does_not_fit(claimed: bytes) -> None:
    assert not fits(b"secret", b"content", claimed)
