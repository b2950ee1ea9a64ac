"""Encoders of the PyAV that is installed; they differ between its builds, so only what Clearway itself writes with is expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.doctor.codecs import Encoder, encoders
from tests.support.runtime.doctor_site import Site


def test_what_clearway_writes_with_is_there() -> None:
    found = encoders()
    assert found.fault == ""
    assert Encoder("libx264", "h264", hardware=False, opens=True) in found.found
    assert {one.format for one in found.found} <= {"h264", "hevc", "av1"}
    assert len({one.name for one in found.found}) == len(found.found)


def test_hardware_is_told_apart() -> None:
    hardware = {one.name for one in encoders().found if one.hardware}
    assert not hardware & {"libx264", "libx265", "libsvtav1", "libaom-av1"}
    assert {one.name for one in encoders().found if one.name.endswith(("_nvenc", "_qsv", "_amf"))} <= hardware


def test_a_broken_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path / "site")
    site.module("av", "raise OSError('libavcodec.so: bad ELF')")
    monkeypatch.syspath_prepend(site.folder)
    assert (encoders().found, encoders().fault) == ((), "OSError: libavcodec.so: bad ELF")
