"""The cache of engines: what was stored comes back, nothing else does, and real processes that meet, race and are killed."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.engines.cache import EngineCache
from runtime.engines.record import ENGINE_SCHEMA
from runtime.errors import BackendError
from tests.support.runtime.stored_engines import KEY, PARITY, key, record

ROOT = Path(__file__).parents[3]
PLAN = bytes(range(256)) * 4
OTHER = key(builder="1.6.0")


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


@pytest.fixture
def stored(cache: EngineCache) -> EngineCache:
    cache.store(record(KEY, PLAN), PLAN)
    return cache


def _file(cache: EngineCache, suffix: str) -> Path:
    return cache.folder / f"{KEY.digest()}{suffix}"


def _names(cache: EngineCache) -> set[str]:
    return {path.name for path in cache.folder.iterdir()}


def _flip(path: Path, place: int = 40) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


# Whole


def test_what_was_stored_comes_back(stored: EngineCache) -> None:
    expected = record(KEY, PLAN)
    again = EngineCache(stored.folder)
    assert again.find(KEY) == expected
    assert again.read(KEY) == (expected, PLAN)
    assert [(entry.name, entry.record, entry.fault) for entry in again.check()] == [(KEY.digest(), expected, "")]


def test_the_plan_stays_plain_bytes(stored: EngineCache) -> None:
    assert _file(stored, ".engine").read_bytes() == PLAN


def test_everything_is_private(stored: EngineCache) -> None:
    assert stat.S_IMODE(stored.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in stored.folder.iterdir()} == {0o600}


def test_asking_an_empty_cache_makes_nothing(cache: EngineCache) -> None:
    assert cache.find(KEY) is None
    assert cache.records() == cache.check() == ()
    with pytest.raises(BackendError, match="expected an engine, but none is stored; clearway build BUNDLE --target tensorrt-rtx"):
        cache.read(KEY)
    assert not cache.folder.exists()


def test_another_key_is_another_engine(stored: EngineCache) -> None:
    assert stored.find(OTHER) is None
    with pytest.raises(BackendError, match="none is stored"):
        stored.read(OTHER)


def test_storing_again_takes_the_place(stored: EngineCache) -> None:
    """As the parity of an engine is added once it ran on a GPU."""
    ran = dataclasses.replace(stored.read(KEY)[0], parity=(PARITY,))
    stored.store(ran, PLAN)
    assert stored.read(KEY) == (ran, PLAN)
    assert len(stored.records()) == 1


def test_a_plan_that_its_record_does_not_describe(cache: EngineCache) -> None:
    with pytest.raises(BackendError, match="derain: expected the plan that its record describes"):
        cache.store(record(KEY, PLAN), PLAN[:-1])
    assert not cache.folder.exists()


# Tampered, damaged, foreign


def _drop_a_foreign_plan(cache: EngineCache) -> None:
    _file(cache, ".mac").unlink()


def _take_the_hash_of_another_machine(cache: EngineCache) -> None:
    """A whole engine with a hash, made under another key."""
    other = EngineCache(cache.folder.parent / "other")
    other.store(record(KEY, PLAN), PLAN)
    for suffix in (".engine", ".json", ".mac"):
        shutil.copy2(_file(other, suffix), _file(cache, suffix))


def _rename_another_engine(cache: EngineCache) -> None:
    """Every hash is right, but it is of another builder."""
    cache.store(record(OTHER, PLAN), PLAN)
    for suffix in (".engine", ".json", ".mac"):
        (cache.folder / f"{OTHER.digest()}{suffix}").replace(_file(cache, suffix))


BAD: dict[str, tuple[Callable[[EngineCache], object], str]] = {
    "a byte of the plan": (lambda cache: _flip(_file(cache, ".engine")), r"\.engine: expected sha256 .*, got .*: it was changed"),
    "a byte of the sidecar": (lambda cache: _flip(_file(cache, ".json")), r"\.json: expected the record that was written here"),
    "a byte of the hash": (lambda cache: _flip(_file(cache, ".mac")), r"\.json: expected the record that was written here"),
    "truncated": (lambda cache: os.truncate(_file(cache, ".engine"), 1000), "expected 1024 bytes, got 1000: the plan is not whole"),
    "no plan": (lambda cache: _file(cache, ".engine").unlink(), r"\.engine: expected the plan .*, but there is none"),
    "no sidecar": (lambda cache: _file(cache, ".json").unlink(), r"\.engine: expected a record beside it, but there is none"),
    "foreign": (_drop_a_foreign_plan, r"\.engine: expected a keyed hash beside it, but there is none: not of this cache"),
    "another machine's": (_take_the_hash_of_another_machine, "expected the record that was written here, but it or its hash was changed"),
    "renamed": (_rename_another_engine, "tensorrt-rtx 1.6.0 on compute capability 8.6 came under another engine's name"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_what_was_stored_is_refused(kind: str, stored: EngineCache) -> None:
    change, said = BAD[kind]
    change(stored)
    with pytest.raises(BackendError, match=said) as error:
        stored.read(KEY)
    assert str(error.value).endswith("it is never loaded; clearway engines prune, then clearway build")
    assert "\n" not in str(error.value)
    (entry,) = stored.check()
    assert entry.fault == str(error.value)


@pytest.mark.parametrize("kind", sorted(BAD.keys() - {"a byte of the plan", "foreign"}))
def test_what_shows_without_reading_the_plan_shows_in_the_listing_and_when_it_is_looked_for(kind: str, stored: EngineCache) -> None:
    change, said = BAD[kind]
    change(stored)
    with pytest.raises(BackendError, match=said):
        stored.find(KEY)
    assert stored.records() == stored.check()


def test_nowhere_in_the_sidecar_can_a_byte_be_changed(stored: EngineCache) -> None:
    sidecar = _file(stored, ".json")
    whole = sidecar.read_bytes()
    for place in (*range(0, len(whole), 50), len(whole) - 1):
        _flip(sidecar, place)
        with pytest.raises(BackendError, match="the record that was written here"):
            stored.find(KEY)
        sidecar.write_bytes(whole)
    assert stored.find(KEY) is not None


def test_a_plan_without_a_hash_is_built_over(stored: EngineCache) -> None:
    _drop_a_foreign_plan(stored)
    assert stored.find(KEY) is None
    stored.store(record(KEY, PLAN), PLAN)
    assert stored.read(KEY)[1] == PLAN


@pytest.mark.parametrize("kind", BAD)
def test_pruning_is_the_way_out(kind: str, stored: EngineCache) -> None:
    BAD[kind][0](stored)
    assert stored.prune().engines == (KEY.digest(),)
    assert _names(stored) == {"key", "lock"}
    stored.store(record(KEY, PLAN), PLAN)
    assert stored.read(KEY)[1] == PLAN


def test_a_plan_under_a_name_of_its_own_is_told_and_left_to_whoever_put_it_there(stored: EngineCache) -> None:
    """Nobody's file is deleted that the cache did not name."""
    (stored.folder / "my model.engine").write_bytes(b"foreign")
    for listed in (stored.records(), stored.check()):
        (entry,) = [entry for entry in listed if entry.fault]
        assert entry.name == "my model.engine"
        assert entry.fault.endswith(f"it is never loaded: rm '{stored.folder}/my model.engine'")
    assert stored.prune(0).engines == (KEY.digest(),)
    assert stored.clear().engines == ()
    assert "my model.engine" in _names(stored)


def test_a_sidecar_of_another_clearway(stored: EngineCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.engines.record.ENGINE_SCHEMA", ENGINE_SCHEMA + 1)
    said = rf"\.json: .*expected engine schema {ENGINE_SCHEMA + 1}, got {ENGINE_SCHEMA} \(older\).*clearway engines prune, then"
    with pytest.raises(BackendError, match=said):
        stored.read(KEY)


# The key file


def test_a_lost_key_is_told_before_anything_is_built_or_made_anew(stored: EngineCache) -> None:
    (stored.folder / "key").unlink()
    said = "expected the key file .*, but it is gone.*clearway engines prune --all, then clearway build"
    for call in (stored.records, stored.check, stored.prune, lambda: stored.find(KEY), lambda: stored.read(KEY)):
        with pytest.raises(BackendError, match=said):
            call()
    with pytest.raises(BackendError, match=said):
        stored.store(record(OTHER, PLAN), PLAN)
    with pytest.raises(BackendError, match=said), stored.building(OTHER):
        pytest.fail("a build that cannot be stored")
    assert "key" not in _names(stored)


@pytest.mark.parametrize("spoil", [lambda path: path.chmod(0o644), lambda path: path.write_bytes(b"short"), Path.unlink])
def test_removing_everything_is_the_way_out(spoil: Callable[[Path], object], stored: EngineCache) -> None:
    spoil(stored.folder / "key")
    with pytest.raises(BackendError, match="clearway engines prune --all"), stored.building(KEY):
        pytest.fail("a build that cannot be stored")
    assert stored.clear().engines == (KEY.digest(),)
    assert _names(stored) == {"lock"}
    stored.store(record(KEY, PLAN), PLAN)
    assert stored.read(KEY)[1] == PLAN


# The folder


@contextmanager
def _ours_but_not_writable() -> Iterator[Path]:
    """Root may write everywhere, so it becomes somebody else for a while."""
    parent = Path(tempfile.mkdtemp())
    folder = parent / "engines"
    folder.mkdir(mode=0o500)
    if root := os.geteuid() == 0:
        parent.chmod(0o711)
        os.chown(folder, 65534, -1)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(parent)


def test_a_folder_that_cannot_be_written_is_told_before_the_build() -> None:
    said = "Permission denied.*chmod 700 .*, or set CLEARWAY_CACHE"
    with _ours_but_not_writable() as folder, pytest.raises(BackendError, match=said), EngineCache(folder).building(KEY):
        pytest.fail("a build that cannot be stored")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackendError, match=r"Not a directory.*set CLEARWAY_CACHE"):
        EngineCache(tmp_path / "file" / "engines").store(record(KEY, PLAN), PLAN)


@pytest.mark.parametrize("call", ["find", "read", "records", "store"])
def test_a_folder_that_others_get_at_is_not_used(call: str, stored: EngineCache) -> None:
    stored.folder.chmod(0o755)
    calls: dict[str, Callable[[], object]] = {
        "find": lambda: stored.find(KEY),
        "read": lambda: stored.read(KEY),
        "records": stored.records,
        "store": lambda: stored.store(record(KEY, PLAN), PLAN),
    }
    with pytest.raises(BackendError, match=f"expected mode 0700, got 0755.*chmod 700 {stored.folder}$"):
        calls[call]()


# The limit


def _fill(cache: EngineCache, count: int) -> list[str]:
    """Engines of a kilobyte of plan each, the first used longest ago."""
    keys = [key(builder=f"1.0.{number}") for number in range(count)]
    for number, engine_key in enumerate(keys):
        plan = cache.store(record(engine_key, PLAN), PLAN)
        os.utime(plan.with_suffix(".mac"), (1000 + number, 1000 + number))
    return [engine_key.digest() for engine_key in keys]


def test_what_was_not_used_for_longest_makes_room(cache: EngineCache) -> None:
    first, second, third = _fill(cache, 3)
    cache.read(key(builder="1.0.0"))
    size = cache.records()[0].bytes
    EngineCache(cache.folder, limit_bytes=3 * size).store(record(KEY, PLAN), PLAN)
    assert {entry.name for entry in cache.records()} == {first, third, KEY.digest()}
    assert second not in {name.partition(".")[0] for name in _names(cache)}


def test_the_one_just_stored_stays_however_large(cache: EngineCache) -> None:
    _fill(cache, 2)
    EngineCache(cache.folder, limit_bytes=1).store(record(KEY, PLAN), PLAN)
    assert [entry.name for entry in cache.check()] == [KEY.digest()]


def test_a_listing_begins_with_the_last_used_and_is_no_use_itself(cache: EngineCache) -> None:
    names = _fill(cache, 3)
    for _ in range(2):
        assert [entry.name for entry in cache.check()] == names[::-1]
    assert [entry.used for entry in cache.records()] == [1002, 1001, 1000]


def test_pruning_to_a_size(cache: EngineCache) -> None:
    names = _fill(cache, 3)
    size = cache.records()[0].bytes
    assert cache.prune().engines == ()
    pruned = cache.prune(2 * size)
    assert (pruned.engines, pruned.bytes) == ((names[0],), size)
    assert cache.prune(2 * size).engines == ()
    assert set(cache.prune(0).engines) == set(names[1:])


# Processes

_BUILDER = """
import sys
from pathlib import Path
from runtime.engines.cache import EngineCache
from tests.support.runtime.stored_engines import key, record
cache, mine = EngineCache(Path(sys.argv[1])), key(builder=sys.argv[2])
with cache.building(mine, waiting=lambda: print("waiting", flush=True)):
    found = cache.find(mine)
    if found is None:
        cache.store(record(mine, b"plan"), b"plan")
    print("built" if found is None else "found", flush=True)
"""


def _builders(folder: Path, versions: list[str]) -> list[subprocess.Popen[str]]:
    return [
        subprocess.Popen([sys.executable, "-c", _BUILDER, str(folder), version], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for version in versions
    ]


def test_processes_that_want_one_engine_build_it_once(cache: EngineCache) -> None:
    with cache.building(KEY):
        processes = _builders(cache.folder, [KEY.builder] * 3)
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
    assert sorted(process.communicate()[0] for process in processes) == ["built\n", "found\n", "found\n"]
    assert cache.read(KEY)[1] == b"plan"
    assert f"{KEY.digest()}.lock" not in _names(cache)


def test_an_engine_is_not_held_up_by_another(cache: EngineCache) -> None:
    with cache.building(KEY):
        (process,) = _builders(cache.folder, ["1.6.0"])
        assert process.communicate()[0] == "built\n"


def test_processes_that_meet_in_a_new_folder_agree_on_one_key(cache: EngineCache) -> None:
    versions = [f"1.0.{number}" for number in range(4)]
    for process in _builders(cache.folder, versions):
        assert process.communicate()[0] == "built\n"
    assert [entry.fault for entry in cache.check()] == [""] * 4


_KILLED = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
import runtime.engines.files
from runtime.engines.cache import EngineCache
from tests.support.runtime.stored_engines import KEY, record

steps, real = [], runtime.engines.files.written

def step():
    steps.append(0)
    if len(steps) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

@contextmanager
def written(path, *, private):
    with real(path, private=private) as part:
        yield part
        step()
    step()

runtime.engines.files.written = written
cache = EngineCache(Path(sys.argv[1]))
with cache.building(KEY):
    cache.store(record(KEY, b"new plan"), b"new plan")
"""


@pytest.mark.parametrize("before", ["nothing", "an engine"])
@pytest.mark.parametrize("step", range(1, 7))
def test_a_kill_between_the_writes_leaves_nothing_or_a_whole_engine(step: int, before: str, cache: EngineCache) -> None:
    """Six places: in the writing of each of the three files, and after each."""
    if before == "an engine":
        cache.store(record(KEY, PLAN), PLAN)
    command = [sys.executable, "-c", _KILLED, str(cache.folder), str(step)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    if step == 6:
        assert cache.read(KEY) == (record(KEY, b"new plan"), b"new plan")
        assert cache.prune().leftovers == (f"{KEY.digest()}.lock",)
    else:
        assert cache.find(KEY) is None
        assert len(cache.prune().leftovers) == (2 if step % 2 else 1), "the lock, and the file that was being written"
        assert _names(cache) == {"key", "lock"}
    with cache.building(KEY, waiting=lambda: pytest.fail("the dead hold a lock")):
        cache.store(record(KEY, PLAN), PLAN)
    assert cache.read(KEY)[1] == PLAN


def test_pruning_leaves_a_build_that_is_under_way_alone(stored: EngineCache) -> None:
    with stored.building(OTHER):
        assert stored.prune(0).leftovers == ()
        assert stored.clear().leftovers == ()
        assert f"{OTHER.digest()}.lock" in _names(stored)
        stored.store(record(OTHER, PLAN), PLAN)
    assert stored.read(OTHER)[1] == PLAN


def test_a_build_that_fails_leaves_no_lock(cache: EngineCache) -> None:
    def build() -> None:
        with cache.building(KEY):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        build()
    assert _names(cache) == {"key", "lock"}


def test_errors_of_the_build_itself_are_not_taken_for_the_folders(cache: EngineCache) -> None:
    with pytest.raises(FileNotFoundError), cache.building(KEY):
        Path("/no/such/file").read_bytes()
