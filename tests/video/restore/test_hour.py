"""An hour of video and sound: after it, picture and sound stand to each other as they stood, to the tick."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from tests.support.video.clips import MS, moving, tone
from tests.support.video.restoring import do_video, restorer

SECONDS = 3600
# Of the picture; of the sound, and of one packet of it. ALAC has four times the samples of AAC in a packet: a quarter of the work.
TICK, RATE, SAMPLES = Fraction(1, 90000), 48000, 4096
LATER = 12345  # samples by which the sound begins after the picture
# About a frame a second, none when it is due: a variable rate makes each time count, and an hour of 25 would take minutes.
SHOWN = [second * 90000 + int(late) for second, late in enumerate(np.random.default_rng(1).integers(0, 60000, SECONDS))]

Times = list[Fraction]


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hour") / "in.mp4"
    ticks = {"video_track_timescale": "90000", "movie_timescale": str(90000 * 8)}  # a multiple of both rates
    with av.open(str(path), "w", container_options=ticks) as container:
        video = container.add_stream("libx264", rate=1, options={"preset": "ultrafast", "bf": "2", "g": "60"})
        sound = container.add_stream("alac", rate=RATE)
        assert isinstance(video, VideoStream)
        assert isinstance(sound, AudioStream)
        video.width, video.height, video.pix_fmt, video.codec_context.time_base, sound.layout = 64, 48, "yuv420p", TICK, "mono"
        heard = bytes(next(packet for frame in tone(0, 0.5) for packet in sound.encode(frame)))
        number = 0
        for index, pts in enumerate(SHOWN):
            while (LATER + number * SAMPLES) * 90000 <= pts * RATE:
                container.mux(_of_sound(heard, LATER + number * SAMPLES, sound))
                number += 1
            picture = av.VideoFrame.from_ndarray(moving(index, 64, 48), format="bgr24")
            picture.pts, picture.time_base = pts, TICK
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
    return path


def _of_sound(data: bytes, pts: int, stream: AudioStream) -> av.Packet:  # type: ignore[type-arg]
    packet = av.Packet(data)
    packet.pts = packet.dts = pts
    packet.duration, packet.time_base, packet.stream = SAMPLES, Fraction(1, RATE), stream
    return packet


def times(path: Path) -> tuple[Times, Times]:
    """When each frame is shown and each packet of sound is heard."""
    with av.open(str(path)) as container:
        found: dict[str, Times] = {"video": [], "audio": []}
        for packet in container.demux():
            if packet.pts is not None:
                found[packet.stream.type].append(packet.pts * packet.time_base)
    return sorted(found["video"]), found["audio"]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_picture_and_sound_stay_together_for_an_hour(hour: Path, tmp_path: Path, suffix: str) -> None:
    report = do_video(hour, tmp_path / f"out{suffix}", restorer())
    seen, heard = times(hour)
    assert seen == [pts * TICK for pts in SHOWN]
    assert len(heard) > 42_000
    again = times(tmp_path / f"out{suffix}")
    if suffix != ".mkv":
        assert again == (seen, heard)
        return
    assert again == ([_in_ms(time) for time in seen], [_in_ms(time) for time in heard])
    rounded = sum((time / MS).denominator != 1 for time in seen)
    assert f"the times of {rounded} frames were rounded: Matroska counts milliseconds (.mp4 keeps them)" in report.notes


def _in_ms(time: Fraction) -> Fraction:
    """The nearest millisecond; of two the later, as FFmpeg rounds."""
    return int(time / MS + Fraction(1, 2)) * MS
