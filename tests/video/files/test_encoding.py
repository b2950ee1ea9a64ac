"""Encoders by name: every software one keeps times, facts and colours, more quality is more, and what cannot be had is one line."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from runtime.errors import SinkError, UsageError
from tests.support.video.clips import MS, STEADY, UNSTEADY, Clip, order_of, read
from video.files.encoders import ENCODERS
from video.files.encoding import EncodeOptions, check_encoder
from video.files.sinks.file import VideoSink
from video.files.sources.file import open_video

SOFTWARE = [(name, suffix) for name in ("h264", "h265", "av1", "ffv1", "prores") for suffix in ENCODERS[name].containers]
DECODERS = {"h264": {"h264"}, "h265": {"hevc"}, "av1": {"libdav1d", "av1"}, "ffv1": {"ffv1"}, "prores": {"prores"}}


def encoded(source: Path, target: Path, options: EncodeOptions) -> Path:
    with open_video(source, copies=True) as video, VideoSink(target, video.info, options, copy_from=video) as sink:
        for frame in video:
            sink.write(frame)
    return target


@pytest.mark.parametrize(("name", "suffix"), SOFTWARE)
def test_times_order_and_tags_come_back(tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, suffix: str) -> None:
    tags = {"colorspace": 6, "color_primaries": 6, "color_trc": 6, "color_range": 1}
    source = Clip(pts=UNSTEADY, time_base=MS, tags=tags, audio="aac").make(tmp_path / "in.mp4")
    capfd.readouterr()
    target = encoded(source, tmp_path / f"out{suffix}", EncodeOptions(name))
    assert capfd.readouterr().err == "", "libraries that talk past FFmpeg's log are silenced"
    after = read(target)
    assert [frame.time for frame in after] == [frame.time for frame in read(source)]
    assert order_of(after) == list(range(len(UNSTEADY)))
    with av.open(str(target)) as container:
        frame = next(container.decode(video=0))
        assert container.streams.video[0].codec_context.codec.name in DECODERS[name]
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (6, 6, 6)
        assert len(container.streams.audio) == 1


@pytest.mark.parametrize(("name", "suffix"), SOFTWARE)
def test_the_shape_of_pixels_is_kept_or_told(tmp_path: Path, name: str, suffix: str) -> None:
    source = Clip(pts=STEADY[:3], sample_aspect_ratio=Fraction(4, 3)).make(tmp_path / "in.mp4")
    with open_video(source) as video, VideoSink(tmp_path / f"out{suffix}", video.info, EncodeOptions(name)) as sink:
        for frame in video:
            sink.write(frame)
    with open_video(sink.path) as after:
        kept = after.info.sample_aspect_ratio == Fraction(4, 3)
    assert sink.left_out == ([] if kept else ["the shape of the pixels, 4/3 (.mp4 or .mov keeps it)"])
    assert kept or suffix == ".mkv"


@pytest.mark.parametrize("name", ["h264", "h265", "av1", "prores"])
def test_more_quality_is_closer_and_larger(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(0)
    planes = rng.integers(40, 200, (96 * 3 // 2, 128), np.uint8)
    planes = ((planes.astype(int) + np.roll(planes, 1, 1) + np.roll(planes, 2, 1)) // 3).astype(np.uint8)
    lossless = {"preset": "superfast", "qp": "0"}
    source = Clip(pts=(0, 40, 80), time_base=MS, size=(128, 96), planes=planes, options=lossless).make(tmp_path / "in.mp4")
    before = np.stack([frame.image for frame in read(source)]).astype(float)
    errors, sizes = [], []
    for quality in (20, 50, 60, 70, 100):
        target = encoded(source, tmp_path / f"{quality}.mkv", EncodeOptions(name, quality))
        errors.append(float(np.square(np.stack([frame.image for frame in read(target)]) - before).mean()))
        sizes.append(target.stat().st_size)
    assert errors == sorted(errors, reverse=True)
    assert sizes == sorted(sizes)
    assert sizes[-1] > 1.5 * sizes[1]


def test_ours_and_theirs() -> None:
    assert EncodeOptions().settings() == {"preset": "superfast", "crf": "20"}
    assert EncodeOptions("h264", 55, "slow").settings() == {"preset": "slow", "crf": "22.5"}
    assert EncodeOptions("h264", 100).settings() == {"preset": "superfast", "crf": "0"}
    assert EncodeOptions("av1", 0, "medium").settings() == {"preset": "6", "crf": "63"}
    assert EncodeOptions("h264-nvenc", 100).settings() == {"rc": "vbr", "cq": "1"}, "0 would mean: by itself"
    assert EncodeOptions("h265-amf").settings() == {"rc": "cqp", "qp_i": "20", "qp_p": "20"}
    described = [EncodeOptions(*words).describe() for words in ((), ("av1", 100), ("prores", 70), ("ffv1",))]
    assert described == ["h264 superfast, quality 60", "av1 superfast, lossless", "prores, quality 70", "ffv1, lossless"]


def test_every_scale_rises_from_the_least_quality_to_the_best() -> None:
    for name, encoder in ENCODERS.items():
        steps = np.diff(encoder.scale) * (1 if name.endswith("videotoolbox") else -1)
        assert len(encoder.scale) in (0, 11), name
        assert (steps >= 0).all(), name
        assert encoder.instead in ("", "h264", "h265", "av1"), name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"encoder": "vp8"}, r"encoder: expected one of h264, .*, got 'vp8'"),
        ({"quality": 101}, r"quality: expected 0 to 100 .*, got 101"),
        ({"quality": -1}, r"quality: expected 0 to 100 .*, got -1"),
        ({"encoder": "ffv1", "quality": 60}, r"quality: expected none with ffv1.*leave it out"),
        ({"preset": "turbo"}, r"preset: expected one of ultrafast, .*, got 'turbo'"),
        ({"encoder": "prores", "preset": "slow"}, r"preset: expected none with prores.*leave it out"),
    ],
)
def test_options_are_checked(words: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        EncodeOptions(**words)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "suffix", "named"), [("prores", ".mp4", ".mov or .mkv"), ("ffv1", ".mov", ".mp4 or .mkv")])
def test_what_a_container_cannot_hold(tmp_path: Path, name: str, suffix: str, named: str) -> None:
    source = Clip().make(tmp_path / "in.mp4")
    message = rf"{name}: expected an output name that ends in {named}, got {suffix}, which cannot hold it"
    with open_video(source) as video, pytest.raises(UsageError, match=message):
        VideoSink(tmp_path / f"out{suffix}", video.info, EncodeOptions(name))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_hardware_that_is_listed_and_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As h264_nvenc without a GPU: FFmpeg has the name, and opening fails. Another encoder stands in, since this machine may have a GPU."""
    broken = dataclasses.replace(ENCODERS["h264-nvenc"], codec="libx264", settings={"preset": "there is none of this name"})
    monkeypatch.setitem(ENCODERS, "h264-nvenc", broken)
    source = Clip().make(tmp_path / "in.mp4")
    message = r"h264-nvenc: expected an encoder that works on .*, got libx264, which does not open here \(.+\); use --encoder h264$"
    with open_video(source) as video, pytest.raises(SinkError, match=message) as caught:
        VideoSink(tmp_path / "out.mp4", video.info, EncodeOptions("h264-nvenc"))
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_hardware_that_this_ffmpeg_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "h265-amf", dataclasses.replace(ENCODERS["h265-amf"], codec="hevc_nothing"))
    with pytest.raises(SinkError, match=r"h265-amf: expected an FFmpeg that has hevc_nothing, got one without it; use --encoder h265"):
        check_encoder(EncodeOptions("h265-amf"), [".mp4"])


@pytest.mark.parametrize("name", ["h264", "h265", "ffv1"])
def test_an_odd_size_is_kept(tmp_path: Path, name: str) -> None:
    source = Clip(size=(97, 63), codec="ffv1", options={}, pixel_format="yuv444p").make(tmp_path / "in.mkv")
    assert read(encoded(source, tmp_path / "out.mp4", EncodeOptions(name)))[0].image.shape == (63, 97, 3)


@pytest.mark.parametrize("name", ["av1", "prores"])
def test_an_odd_size_is_refused_where_it_would_be_cut(tmp_path: Path, name: str) -> None:
    source = Clip(size=(97, 63), codec="ffv1", options={}, pixel_format="yuv444p").make(tmp_path / "in.mkv")
    with pytest.raises(UsageError, match=rf"{name}: expected an even width and height, got 97×63; use --encoder h264"):
        encoded(source, tmp_path / "out.mkv", EncodeOptions(name))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.parametrize(("name", "kept"), [("h264", "yuv422p"), ("h265", "yuv422p"), ("av1", "yuv420p")])
def test_lossless_keeps_the_chroma_where_the_encoder_can(tmp_path: Path, name: str, kept: str) -> None:
    source = Clip(codec="ffv1", options={}, pixel_format="yuv422p").make(tmp_path / "in.mkv")
    with open_video(encoded(source, tmp_path / "out.mkv", EncodeOptions(name, 100))) as after:
        assert after.info.pixel_format == kept


def test_h265_is_marked_for_apples_players(tmp_path: Path) -> None:
    source = Clip().make(tmp_path / "in.mp4")
    assert b"hvc1" in encoded(source, tmp_path / "out.mp4", EncodeOptions("h265")).read_bytes()
