"""What SIGKILL at random moments leaves of a video that is being restored, and what --resume makes of it.

`python -m benchmarks.measure.video.crash [--kills N] [--record FILE]`. Each time a process restores a drawn clip with sound, reports how
many frames are done, and is killed at a random moment; every second one is resumed and killed again. The file that is left must play and
lack no more than one segment of the reported frames; the finished file must equal that of an undisturbed run.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path

import av
import numpy as np

from benchmarks.demo.clip import ClipOptions, RainyClip
from benchmarks.demo.scene import RATE
from benchmarks.record import Record, dated, recorded, say
from benchmarks.reports.files import crash as table
from runtime.restorer import load
from video.files.encoding import EncodeOptions
from video.files.part import part_of
from video.restore.job import RestoreJob
from video.restore.video import restore_video

_PROCESSES = multiprocessing.get_context("forkserver")  # a copy of this process would have its threads' locks, and not the threads
_MOMENT_S = 0.04  # after the frame that is waited for, at most


@dataclass(frozen=True)
class CrashRun:
    source: Path
    target: Path
    model: str
    backend: str = "auto"
    encoder: str = "h264"


@dataclass(frozen=True)
class KillOutcome:
    said: int  # frames that were reported as done
    playable: int  # frames that the part decodes to
    again: bool  # the run had been resumed


def restore(run: CrashRun, says: Connection | None = None, *, resume: bool = False) -> None:
    with load(run.model, run.backend) as restorer:
        say = None if says is None else lambda frames, _: says.send(frames)
        restore_video(RestoreJob(run.source, run.target, EncodeOptions(run.encoder), resume=resume), restorer, progress=say)


def kill(run: CrashRun, at: int, later: float, *, resume: bool = False) -> KillOutcome | None:
    """`later` seconds after `at` frames are reported as done. None where the video was finished before that."""
    hears, says = _PROCESSES.Pipe(duplex=False)
    _PROCESSES.set_forkserver_preload(["video.restore.video"])  # each process is then there at once
    process = _PROCESSES.Process(target=restore, args=(run, says), kwargs={"resume": resume})
    process.start()
    says.close()
    said = 0
    try:
        while said < at:
            said = hears.recv()
        time.sleep(later)
        with contextlib.suppress(ProcessLookupError):  # it was done before
            os.kill(process.pid or 0, signal.SIGKILL)
        while True:
            said = hears.recv()
    except EOFError:
        process.join()
    return None if run.target.exists() else KillOutcome(said, playable(part_of(run.target)), resume)


def playable(part: Path) -> int:
    """The frames that it decodes to, up to the packet in which it was cut off; an error before that is one. 0 before anything is in it."""
    try:
        container = av.open(str(part))
    except (FileNotFoundError, av.error.InvalidDataError):
        return 0
    with container:
        video = container.streams.video[0]
        packets = itertools.takewhile(lambda packet: packet.size and not packet.is_corrupt, container.demux(video))
        return sum(len(video.decode(packet)) for packet in itertools.chain(packets, [None]))


def contents(path: Path) -> list[tuple[int, Fraction, bytes]]:
    """Every stream's packets and when they are played: for one encoder, equal packets are equal pictures."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux() if packet.size]
        return sorted((packet.stream_index, (packet.pts or 0) * packet.time_base, bytes(packet)) for packet in packets)


def measure(run: CrashRun, kills: int, seed: int) -> Record:
    moments, found = random.Random(seed), list[KillOutcome]()
    restore(run)
    expected, frames = contents(run.target), playable(run.target)
    differing = 0
    while len(found) < kills:
        run.target.unlink()
        one = kill(run, moments.randrange(frames), moments.uniform(0, _MOMENT_S))
        if one is not None and len(found) % 2:
            found.append(one)
            one = kill(run, moments.randrange(frames), moments.uniform(0, _MOMENT_S), resume=True)
        if one is not None:
            found.append(one)
            say(json.dumps(asdict(one)))
        if not run.target.exists():
            restore(run, resume=True)
        differing += contents(run.target) != expected
    return {
        "kills": len(found),
        "frames": frames,
        "segment": RATE,
        "lost_at_most": max(one.said - one.playable for one in found),
        "differing": differing,
        "moments": [asdict(one) for one in found],
    }


def holds(record: Record) -> bool:
    return bool(record["lost_at_most"] <= record["segment"] and record["differing"] == 0)


def draw(path: Path, seconds: int) -> None:
    """The rainy street with a hum."""
    clip = RainyClip(ClipOptions(seconds * RATE, 180, 320))
    silent = path.with_name("silent.mp4")
    clip.write(silent)
    with av.open(str(silent)) as source, av.open(str(path), "w") as container:
        video = container.add_stream_from_template(source.streams.video[0])
        sound = container.add_stream("aac", rate=48000)
        samples = (0.2 * np.sin(np.arange(seconds * 48000) * 0.05)).astype(np.float32)
        for begin in range(0, len(samples), 1024):
            frame = av.AudioFrame.from_ndarray(samples[None, begin : begin + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, begin, Fraction(1, 48000)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
        for packet in source.demux():
            if packet.size:
                packet.stream = video
                container.mux(packet)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure.video.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="default: %(default)s")
    parser.add_argument("--seconds", type=int, default=10, help="of the clip (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    parser.add_argument("--model", default="derain")
    parser.add_argument("--encoder", default="h264")
    parser.add_argument("--suffix", default=".mp4", help="of the container: .mp4, .mov or .mkv (default: %(default)s)")
    return recorded(parser, arguments, _measured, table, holds)


def _measured(options: argparse.Namespace) -> Record:
    with tempfile.TemporaryDirectory(prefix="clearway-crash-") as scratch:
        source = Path(scratch) / "clip.mp4"
        draw(source, options.seconds)
        run = CrashRun(source, Path(scratch) / f"out{options.suffix}", options.model, encoder=options.encoder)
        found = measure(run, options.kills, options.seed)
    asked = {"model": options.model, "encoder": options.encoder, "container": options.suffix, "seed": options.seed}
    return dated(asked | found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
