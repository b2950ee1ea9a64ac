"""Ctrl-C while the pipeline starts: the threads end before the files are closed, at whatever moment it comes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.files import names
from tests.support.video.clips import STEADY, Clip

MOMENTS = range(13, 36)


def test_control_c_as_the_pipeline_starts_ends_it_cleanly(tmp_path: Path) -> None:
    """Every moment of the main thread from the pipeline's first step until its third thread starts."""
    source = Clip(pts=STEADY[:12], size=(640, 480)).make(tmp_path / "in.mp4")
    words = [sys.executable, "-m", "tests.support.video.interrupted", str(source), str(tmp_path / "out.mp4"), ",".join(map(str, MOMENTS))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    codes = list(map(int, done.stdout.split()))
    assert codes == [130] * len(MOMENTS), "99 is a thread that was left behind, -6 SIGABRT, -11 SIGSEGV"
    assert done.stderr == ""
    assert names(tmp_path) == ["in.mp4"]
