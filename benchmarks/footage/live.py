"""Owns the latency of `clearway live`, measured against a camera of this machine's own: the rainy street at 25 frames a second over TCP.

`python -m benchmarks.footage.live --seconds 600`. The camera is a process of its own, which sends what was encoded before; its small share
of the processor is in the figures. Latency is from the packet's arrival to the restored picture, by minute, so that a growing one is seen.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.stream import VideoStream

from benchmarks.demo.clip import ClipOptions, RainyClip
from benchmarks.demo.scene import RATE
from benchmarks.record import Record, dated, recorded
from benchmarks.reports.live import live as table
from runtime.picture import Picture
from runtime.restorer import Restorer, load
from runtime.timing import StageTimes
from video.color import PictureToFrame
from video.files.sources.file import open_video
from video.live.run import LiveRun
from video.live.sinks.sink import RestoredFrame
from video.live.sources.stream import StreamSource
from video.live.statistics import LiveStatistics

_AS_A_CAMERA = {"preset": "veryfast", "tune": "zerolatency", "crf": "24", "g": str(2 * RATE)}  # no B-frames


class Minutes:
    """A sink that keeps how old each picture was when it was ready, by minute."""

    name, depth = "measure", 8

    def __init__(self) -> None:
        self.times = StageTimes()
        self._began = time.monotonic()

    def begin(self, statistics: Callable[[], LiveStatistics]) -> None:
        pass

    def write(self, shown: RestoredFrame) -> None:
        minute = int((shown.stamps.restored - self._began) / 60) + 1
        self.times.add(f"minute {minute}", shown.stamps.restored - shown.stamps.arrived)

    def idle(self) -> None:
        pass

    def finish(self) -> None:
        pass


def encode_as_a_camera(clip: Path, target: Path, draw: Callable[[Picture, int], Picture] = lambda picture, index: picture) -> None:
    """`draw` may put something of each frame's index into its picture."""
    with open_video(clip) as source, av.open(str(target), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=RATE, options=_AS_A_CAMERA)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = source.info.width, source.info.height, "yuv420p"
        to_frame = PictureToFrame(source.info.color, "yuv420p")
        for frame in source:
            encoded = to_frame(draw(frame.image, frame.index))
            encoded.pts, encoded.time_base = frame.index, Fraction(1, RATE)
            container.mux(stream.encode(encoded))
        container.mux(stream.encode(None))


def camera(recorded: Path, listening: socket.socket) -> None:
    """Sends the recording again and again, each frame when it is due, with times that go on, until `listening` is closed."""
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        try:
            with client, client.makefile("wb") as out:
                _send(recorded, out)
        except (OSError, av.FFmpegError):
            continue  # the reader has gone


def _send(recorded: Path, out: Any) -> None:
    with av.open(str(recorded)) as source:
        stream = source.streams.video[0]
        packets = [(bytes(packet), packet.is_keyframe) for packet in source.demux(stream) if packet.size]
        with av.open(out, "w", format="mpegts", options={"flush_packets": "1"}) as container:
            copy = container.add_stream_from_template(stream)
            started, index = time.monotonic(), 0
            while True:
                data, keyframe = packets[index % len(packets)]
                packet = av.Packet(data)
                packet.pts = packet.dts = index * 90000 // RATE
                packet.stream, packet.time_base, packet.is_keyframe = copy, Fraction(1, 90000), keyframe
                time.sleep(max(0.0, started + index / RATE - time.monotonic()))
                container.mux(packet)
                out.flush()
                index += 1


def measure(restorer: Restorer, seconds: float, clip: ClipOptions) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        drawn, recorded = Path(folder, "clip.mp4"), Path(folder, "camera.ts")
        RainyClip(clip).write(drawn)
        encode_as_a_camera(drawn, recorded)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            process = multiprocessing.get_context("spawn").Process(target=camera, args=(recorded, listening), daemon=True)
            process.start()
            try:
                numbers, minutes = _run(restorer, f"tcp://127.0.0.1:{listening.getsockname()[1]}", seconds)
            finally:
                process.terminate()
                process.join()
    measured = {
        "seconds": seconds,
        "size": f"{clip.width}×{clip.height}",
        "model": restorer.manifest.name,
        "backend": restorer.choice.describe(),
        "live": numbers.as_dict(),
        "minutes": minutes,
    }
    return dated(measured)


def _run(restorer: Restorer, address: str, seconds: float) -> tuple[LiveStatistics, dict[str, dict[str, float]]]:
    sink = Minutes()
    with LiveRun(StreamSource(address), restorer, [sink]) as live:
        live.wait(seconds)
        return live.statistics(), sink.times.as_dict()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footage.live", description="Measures the latency of clearway live.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: %(default)s)")
    parser.add_argument("--height", type=int, default=720, help="of the camera's picture, 16:9 (default: %(default)s)")
    parser.add_argument("--model", default="derain", help="a shipped model's name, or the folder of a bundle (default: %(default)s)")
    parser.add_argument("--backend", default="auto", help="which engine runs it (default: the fastest that this machine has)")
    return recorded(parser, arguments, _measure, table)


def _measure(options: argparse.Namespace) -> Record:
    clip = dataclasses.replace(ClipOptions(), height=options.height, width=options.height * 16 // 9)
    with load(options.model, options.backend) as restorer:
        return measure(restorer, options.seconds, clip)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
