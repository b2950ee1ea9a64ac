"""The front door: words to rooms, errors to one line and an exit code, and the public names."""

from __future__ import annotations

import ast
import errno
import importlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import clearway
import runtime.cli
import runtime.model.zoo
from runtime.errors import BundleError, ClearwayError, UsageError
from runtime.files.atomic import written
from runtime.model.bundle import MODEL
from tests.support.tiny import make_bundle
from tests.support.video.clips import STEADY, Clip, read
from video.files.sources.file import open_video

ROOT = Path(__file__).parents[1]
WORDS = (
    "demo",
    "restore",
    "live",
    "models",
    "doctor",
    "train",
    "evaluate",
    "figures",
    "export",
    "import-onnx",
    "build",
    "verify",
    "engines",
    "bench",
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "tiny", "brighten")


@pytest.fixture
def zoo(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runtime.model.zoo, "_ZOO", bundle.parent)
    return bundle.parent


def _raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def run(word: str, arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr(runtime.cli, "run", run)


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_help_lists_the_words(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert clearway.main(arguments) == 0
    said = capsys.readouterr().out
    for word in WORDS:
        assert f"\n  {word} " in said


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert clearway.main(["--version"]) == 0
    assert capsys.readouterr().out == f"clearway {clearway.__version__}\n"


@pytest.mark.parametrize("word", ["derain", "--json", ""])
def test_an_unknown_word_is_wrong_use(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert clearway.main([word]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert repr(word) in captured.err
    assert ", ".join(WORDS) in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("word", WORDS)
def test_every_word_has_a_room_that_knows_it(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        clearway.main([word, "--help"])
    assert ended.value.code == 0
    assert f"usage: clearway {word}" in capsys.readouterr().out


def test_arguments_that_no_room_knows_are_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        clearway.main(["models", "--no-such-option"])
    assert ended.value.code == 2
    assert "--no-such-option" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(ClearwayError("torn"), 1), (BundleError("torn"), 1), (UsageError("torn"), 2)])
def test_an_error_is_one_line_and_its_exit_code(
    error: ClearwayError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _raising(monkeypatch, error)
    assert clearway.main(["models"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "clearway: torn\n"


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _raising(monkeypatch, KeyboardInterrupt())
    assert clearway.main(["models"]) == 130
    assert capsys.readouterr().err.startswith("clearway: interrupted")


@pytest.mark.parametrize("error", [ClearwayError("torn"), KeyboardInterrupt(), SystemExit(143)])
def test_the_last_line_says_how_to_go_on(error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    error.add_note("out.unfinished.mp4: continue with --resume")
    _raising(monkeypatch, error)
    if isinstance(error, SystemExit):
        with pytest.raises(SystemExit):
            clearway.main(["models"])
    else:
        assert clearway.main(["models"]) in (1, 130)
    assert capsys.readouterr().err.splitlines()[-1] == "clearway: out.unfinished.mp4: continue with --resume"


def test_a_fault_of_our_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    _raising(monkeypatch, ZeroDivisionError("ours"))
    with pytest.raises(ZeroDivisionError):
        clearway.main(["models"])


def test_bad_bundles_from_the_command_line(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = bytearray((bundle / MODEL).read_bytes())
    changed[40] ^= 1
    (bundle / MODEL).write_bytes(changed)
    changed_or_absent = ((bundle, 1, "it was changed"), (tmp_path, 1, "expected a bundle"), (tmp_path / "none", 2, "shipped models"))
    for model, code, said in changed_or_absent:
        assert clearway.main(["models", str(model)]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("clearway: ")
        assert captured.err.count("\n") == 1
        assert said in captured.err


@pytest.mark.usefixtures("zoo")
def test_models_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert clearway.main(["models", "--json"]) == 0
    assert [model["name"] for model in json.loads(capsys.readouterr().out)] == ["tiny"]


@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize("backend", ["auto", "onnxruntime"])
def test_load_by_name_and_by_path(bundle: Path, backend: str) -> None:
    picture = np.full((17, 31, 3), 40, np.uint8)
    for model in ("tiny", bundle, str(bundle)):
        with clearway.load(model, backend=backend) as restore:
            assert np.array_equal(restore(picture).image, picture + 10)
            assert backend in ("auto", restore.facts.name)


@pytest.mark.usefixtures("zoo")
def test_load_of_an_unknown_name() -> None:
    with pytest.raises(clearway.ClearwayError, match="did you mean tiny"):
        clearway.load("tinny")


def test_a_video_from_python(bundle: Path, tmp_path: Path) -> None:
    source, target = Clip(pts=STEADY[:3]).make(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    target.write_text("precious")
    with pytest.raises(UsageError, match="overwrite=True in Python"):
        clearway.restore_video(source, target, model="not even looked for")
    assert target.read_text() == "precious"
    report = clearway.restore_video(str(source), str(target), bundle, "onnxruntime", overwrite=True)
    assert report.frames == len(read(target)) == 3


def test_what_the_command_may_be_asked_python_may_be_asked_too(tmp_path: Path, bundle: Path) -> None:
    source, removed, seen = Clip(pts=STEADY[:3]).make(tmp_path / "in.mp4"), tmp_path / "removed.mkv", list[tuple[int, int | None]]()
    report = clearway.restore_video(
        source,
        tmp_path / "out.mkv",
        bundle,
        "onnxruntime",
        read=clearway.ReadOptions(assume=clearway.AssumedColor.parse("bt709"), deinterlace=True),
        finish=clearway.FinishOptions(strength=0.5, reduce_flicker=True, flicker=True),
        encode=clearway.EncodeOptions("h265", 100),
        show_removed=str(removed),
        progress=lambda *at: seen.append(at),
    )
    assert (report.strength, report.flicker_reduced, report.flicker is not None, seen[-1]) == (0.5, True, True, (3, 3))
    assert any("BT709 was assumed" in note for note in report.notes)
    assert any("nothing was deinterlaced" in note for note in report.notes)
    with open_video(tmp_path / "out.mkv") as restored:
        assert restored.info.codec == "hevc"
    assert len(read(removed)) == 3


def test_wrong_options_are_said_before_a_model_is_loaded(tmp_path: Path) -> None:
    source = Clip(pts=STEADY[:3]).make(tmp_path / "in.mp4")
    with pytest.raises(UsageError, match=r"got \.mp4, which cannot hold it"):
        clearway.restore_video(source, tmp_path / "out.mp4", "not even looked for", encode=clearway.EncodeOptions("prores"))


def _names_for_type_checkers() -> dict[str, str | None]:
    """Public name → the module that it is imported from for type checkers; None where `clearway/__init__.py` defines it."""
    names: dict[str, str | None] = {"__version__": None}
    for node in ast.parse(Path(clearway.__file__).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            names |= {alias.asname or "": inner.module for inner in node.body if isinstance(inner, ast.ImportFrom) for alias in inner.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            names[node.name] = None
    return names


def test_every_name_that_type_checkers_see_resolves_at_run_time() -> None:
    names = _names_for_type_checkers()
    assert len(names) > 10
    for name, module in names.items():
        assert getattr(clearway, name) is getattr(importlib.import_module(module or "clearway"), name), name


def test_all_and_dir_list_the_same_names() -> None:
    assert sorted(clearway.__all__) == sorted(_names_for_type_checkers())
    assert set(clearway.__all__) <= set(dir(clearway))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = clearway.no_such_name


PROGRAM = """
from pathlib import Path
from typing import assert_type
import numpy as np
import clearway

def report(done: int, of: int | None) -> None: ...

version: str = clearway.__version__
progress: clearway.Progress = report
try:
    restorer = assert_type(clearway.load("derain"), clearway.Restorer)
    restored = assert_type(restorer(np.zeros((16, 16, 3), np.uint8)), clearway.Restored)
    assert_type(clearway.restore_video(
        "in.mp4", Path("out.mkv"), read=clearway.ReadOptions(assume=clearway.AssumedColor.parse("bt709")),
        finish=clearway.FinishOptions(strength=0.5), encode=clearway.EncodeOptions("h265", 70), progress=progress,
    ), clearway.VideoReport)
    code: int = clearway.main(["--version"])
except clearway.UsageError as error:
    wrong: clearway.ClearwayError = error
"""


def test_a_strictly_typed_program_may_use_every_name(tmp_path: Path) -> None:
    assert all(f"clearway.{name}" in PROGRAM for name in clearway.__all__)
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(tmp_path / "program.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_version_is_a_release_number() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.?(dev|a|b|rc)\d+)?", clearway.__version__)


def test_the_command_itself(tmp_path: Path) -> None:
    """Once as a user meets it: a process of its own, an exit code, no traceback."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "clearway", "models", "no-such-model"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("clearway: no model is called 'no-such-model'")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["models", "--json"], ["--help"], ["models", "--help"]])
def test_a_reader_that_has_gone_is_no_fault(arguments: list[str]) -> None:
    """`clearway models | head -1`: what cannot be written any more is not worth a traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "clearway", *arguments]
        done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 141 or "--help" in arguments, "argparse may swallow it"


@pytest.mark.parametrize(
    ("error", "said"),
    [(PermissionError(errno.EACCES, "Permission denied", "/a/b"), "/a/b: Permission denied"), (OSError("torn"), "torn")],
)
def test_the_systems_refusals_are_one_line(
    error: OSError, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _raising(monkeypatch, error)
    assert clearway.main(["models"]) == 1
    assert capsys.readouterr().err == f"clearway: {said}\n"


def test_a_name_that_is_too_long(capsys: pytest.CaptureFixture[str]) -> None:
    assert clearway.main(["restore", "a" * 300 + ".mp4", "-o", "out.mp4"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_full_disk_under_the_output() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "clearway", "--help"]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "clearway: No space left on device\n")


def test_a_name_in_another_encoding_can_be_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(word: str, arguments: list[str]) -> int:
        sys.stdout.write(os.fsdecode(b"caf\xe9.png"))
        return 0

    monkeypatch.setattr(runtime.cli, "run", run)
    assert clearway.main(["models"]) == 0
    assert capsys.readouterr().out == "caf\\udce9.png"


def test_being_ended_leaves_no_half_written_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SIGTERM, as `docker stop` and systemd send it."""

    def run(word: str, arguments: list[str]) -> int:
        with written(tmp_path / "out.mp4"):
            signal.raise_signal(signal.SIGTERM)
        return 0

    monkeypatch.setattr(runtime.cli, "run", run)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit) as ended:
            clearway.main(["models"])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 143
    assert not list(tmp_path.iterdir())
