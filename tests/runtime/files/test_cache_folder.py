"""Where the cache lies, who may get at it, and locks between real processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.errors import BackendError
from runtime.files.cache_folder import cache_folder, check_private, locked, make_private

ROOT = Path(__file__).parents[3]
_HOLDER = """
import sys
from pathlib import Path
from runtime.files.cache_folder import locked
with locked(Path(sys.argv[1]), shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    sys.stdin.read()
"""


def _holder(lock: Path, how: str) -> subprocess.Popen[str]:
    """Another process that holds the lock until its input ends."""
    command = [sys.executable, "-c", _HOLDER, str(lock), how]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


class _MustWait(Exception):
    pass


def _would_wait() -> None:
    raise _MustWait


def test_asking_where_it_lies_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARWAY_CACHE", str(tmp_path / "own"))
    assert cache_folder("engines") == tmp_path / "own" / "engines"
    assert not list(tmp_path.iterdir())


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    for name in ("CLEARWAY_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BackendError, match="set CLEARWAY_CACHE"):
        cache_folder("engines")


def test_what_is_made_is_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_private(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    check_private(tmp_path / "a" / "b")


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o702])
def test_a_folder_that_others_get_at(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(BackendError, match=f"expected mode 0700, got {mode:04o}.*chmod 700 {tmp_path}$"):
        check_private(tmp_path)


def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    folder = Path("/")  # root's
    if os.geteuid() == 0:
        os.chown(tmp_path, 65534, -1)
        folder = tmp_path
    said = rf"of this user \({os.geteuid()}\), but it is user {folder.stat().st_uid}'s.*CLEARWAY_CACHE"
    with pytest.raises(BackendError, match=said):
        check_private(folder)


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "engines").touch()
    with pytest.raises(BackendError, match="expected a folder, got a file"):
        check_private(tmp_path / "engines")


def test_another_process_that_is_alone_keeps_all_others_out(tmp_path: Path) -> None:
    with _holder(tmp_path / "lock", "alone") as process:
        for shared in (False, True):
            with pytest.raises(_MustWait), locked(tmp_path / "lock", shared=shared, waiting=_would_wait):
                pytest.fail("two are alone")
        process.communicate()
    with locked(tmp_path / "lock", waiting=_would_wait):
        pass


def test_readers_share_it_and_keep_a_writer_out(tmp_path: Path) -> None:
    with _holder(tmp_path / "lock", "shared") as process:
        with locked(tmp_path / "lock", shared=True, waiting=_would_wait):
            pass
        with pytest.raises(_MustWait), locked(tmp_path / "lock", waiting=_would_wait):
            pytest.fail("alone beside a reader")
        process.communicate()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with _holder(tmp_path / "lock", "alone") as process:
        process.kill()
        process.wait()
        with locked(tmp_path / "lock", waiting=_would_wait):
            pass


def test_a_lock_that_was_removed_while_one_waited_is_not_taken(tmp_path: Path) -> None:
    """Or whoever makes the file anew is alone with it, beside the one who waited."""
    lock = tmp_path / "lock"

    def removed_meanwhile() -> None:
        lock.unlink()
        holder.communicate()

    holder = _holder(lock, "alone")
    with locked(lock, waiting=removed_meanwhile), pytest.raises(_MustWait), locked(lock, waiting=_would_wait):
        pytest.fail("two are alone")


def test_the_lock_file_is_private(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) & 0o077 == 0
