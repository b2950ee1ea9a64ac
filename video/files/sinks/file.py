"""Writes a video file: container, exact times, the other streams' packets, and the name at the end.

Does not know networks or where the frames come from. The file grows under another name beside the target and gets its own only
when it is whole. If anything fails it is removed, unless an unfinished part is to be kept (video/files/part.py).
"""

from __future__ import annotations

import contextlib
import math
import os
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

from runtime.errors import SinkError, needs_extra
from runtime.files.atomic import written
from video.files.encoding import EncodeOptions, check_encoder
from video.files.part import UnfinishedPart
from video.files.sinks.encoder import Coder
from video.files.sources.damage import UNDECODABLE
from video.files.sources.file import FileSource
from video.files.target import check_target, unwritable
from video.frame import Frame, VideoInfo

with needs_extra("cpu"):
    import av
    from av.audio.stream import AudioStream
    from av.bitstream import BitStreamFilterContext
    from av.error import FFmpegError
    from av.packet import Packet
    from av.rational import AVRational
    from av.stream import Disposition, Stream
    from av.video.stream import VideoStream

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
# Without delay_moov FFmpeg writes the index before it knows the first times, and shifts them all (by 90 ms, and audio by
# another amount, in the case that was measured). A hybrid file ends as an ordinary MP4; one that was killed plays up to its last keyframe.
_HYBRID = "hybrid_fragmented+frag_keyframe+delay_moov"
# What is muxed goes to the disk at once, in the order in which it comes: FFmpeg would hold ten seconds of video for sound that has ended.
_AT_ONCE = {"flush_packets": "1", "max_interleave_delta": "1"}
_CLUSTER_MS = "100"  # what of Matroska is not on the disk yet; a cluster of its own takes 20 bytes
_OF_THE_CONTAINER = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "duration"})
_OF_THE_CODED = ("bps", "number_of_bytes", "_statistics")  # what mkvmerge counted; a language may follow: BPS-eng
# Ticks from one packet to the next: FFmpeg's writer of MP4 aborts the whole process above that.
_LONGEST = 2**31 - 1
# A track of a camera's sensors: accepted at first, and then no file can be written. And what damage makes up in streams.
_NO_STREAM = frozenset({"data", "unknown"})


class VideoSink:
    """A video file that is being written. Use it as a context manager: it is finished, or removed if an error passes.

    `copy_from`, opened with copies=True, gives the other streams, chapters and metadata. `comment` is added to the source's
    own, under the one key that MP4, MOV and Matroska all keep.
    """

    rounding = "Matroska counts milliseconds (.mp4 keeps them)"

    def __init__(
        self,
        path: Path,
        info: VideoInfo,
        options: EncodeOptions | None = None,
        *,
        copy_from: FileSource | None = None,
        comment: str | None = None,
        overwrite: bool = False,
        part: UnfinishedPart | None = None,
    ) -> None:
        self.path = path
        self.info = info
        self.left_out: list[str] = []  # what the container cannot hold, in words
        self.retimed = 0  # copied packets whose time was not after the one before
        self.rounded = 0  # frames whose time the container cannot say exactly
        check_target(path, CONTAINERS, source=copy_from.path if copy_from else None, overwrite=overwrite)
        self._options = options or EncodeOptions()
        check_encoder(self._options, [path.suffix.lower()])
        self._source = copy_from
        self._copies: dict[int, Stream] = {}
        self._filters: dict[int, BitStreamFilterContext] = {}
        self._waiting: deque[Packet[Stream]] = deque()  # of the other streams, until the video has come as far
        self._last_dts: dict[int, int] = {}
        self._muxed = 0  # packets of the video, which are frames
        self._ended, self._damaged = False, 0  # packets that the source's damage made unfit to be copied
        self._open = contextlib.ExitStack()  # the container, closed first, and its file, which is named or removed after that
        try:
            with self._translated():
                growing = self._open.enter_context(written(path) if part is None else part.written())
                kind = CONTAINERS[path.suffix.lower()]
                self._container = av.open(os.path.abspath(growing), "w", format=kind, container_options=self._container_options())
                self._open.callback(self._container.close)
                self._stream = self._add_video()
                matroska = path.suffix.lower() == ".mkv"
                self._code = Coder(self._stream.codec_context, info, self._options, matroska=matroska)
                if copy_from is not None:
                    self._add_copies(copy_from)
                self._add_comment(comment)
                self._container.start_encoding()  # what the container cannot hold must show now, not after hours
        except BaseException:
            self.abort()
            raise

    @property
    def done(self) -> int:
        """Frames that were given to the file, of which SIGKILL takes a segment at most. The encoder holds more, and FFmpeg one."""
        return self._muxed if self._ended else max(0, self._muxed - 1)

    def write(self, frame: Frame) -> None:
        if frame.image.shape[:2] != (self.info.height, self.info.width):
            raise SinkError(
                f"{self.path}: pictures of {self.info.width}×{self.info.height} were expected, "
                f"frame {frame.index} is {frame.image.shape[1]}×{frame.image.shape[0]}"
            )
        if self._too_long(frame.duration, frame.time_base, self._stream):
            pause = float(frame.duration * frame.time_base)
            raise SinkError(
                f"{self.path}: frame {frame.index} is followed by a pause of {pause:.0f} s, {self.path.suffix} cannot count so far "
                "in the source's ticks; give the output a name that ends in .mkv"
            )
        self.rounded += (frame.time / (self._stream.time_base or 1)).denominator != 1
        with self._translated():
            self._mux(self._code(frame))

    def keep(self, packet: Packet[VideoStream] | None) -> None:
        """One of the video that an earlier run made. None: the other streams alone, as far as they were read."""
        with self._translated():
            self._mux([] if packet is None else [self._code.as_coded(packet)])

    def finish(self) -> None:
        """Writes what is left and gives the file its name."""
        try:
            with self._translated():
                self._mux(self._code.flush())
                self._copy(None)
                self._open.close()
        except BaseException:
            self.abort()
            raise
        if self._damaged:
            self.left_out.append(f"{self._damaged} damaged packets of sound or subtitles")
        self._ended = True

    def abort(self) -> None:
        """Removes what was written. Does nothing after finish()."""
        if self._ended:
            return
        self._ended = True
        with contextlib.suppress(FFmpegError, OSError, ValueError):
            self._open.__exit__(SinkError, SinkError(f"{self.path}: given up"), None)

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        else:
            self.abort()

    def _container_options(self) -> dict[str, str]:
        if self.path.suffix.lower() == ".mkv":
            # FFmpeg would shift everything to make the priming packet before 0 of AAC sound start at 0; Matroska can say "before 0".
            # (And it counts milliseconds: `rounded` tells.)
            return _AT_ONCE | {"avoid_negative_ts": "disabled", "cluster_time_limit": _CLUSTER_MS}
        # Ticks of the source's own size: its times are then whole numbers here too. Where a stream begins is counted in ticks of
        # the whole movie (by default milliseconds), so those must suit every stream.
        ticks = self.info.time_base.denominator
        movie = math.lcm(ticks, *(_ticks(other) for other in self._source.other_streams)) if self._source else ticks
        movie = movie if movie < 2**31 else ticks
        return _AT_ONCE | {"movflags": _HYBRID, "video_track_timescale": str(ticks), "movie_timescale": str(movie)}

    def _add_video(self) -> VideoStream:
        info, options = self.info, self._options
        stream = self._container.add_stream(options.facts.codec, rate=info.average_rate or 25, options=options.settings())
        assert isinstance(stream, VideoStream)
        stream.time_base = info.time_base
        # PyAV cannot set it on the stream, from where Matroska would have it; these two say it in every keyframe.
        kept = self.path.suffix.lower() != ".mkv" or stream.codec_context.codec.canonical_name in ("h264", "hevc")
        if info.sample_aspect_ratio not in (None, 1) and not kept:
            self.left_out.append(f"the shape of the pixels, {info.sample_aspect_ratio} (.mp4 or .mov keeps it)")
        if info.display_matrix:
            stream.set_display_matrix(info.display_matrix)
        return stream

    def _add_copies(self, source: FileSource) -> None:
        for key, value in source.container.metadata.items():
            if key.lower() not in _OF_THE_CONTAINER:
                self._container.metadata[key] = value
        self._container.set_chapters(source.container.chapters())
        _describe(self._stream, source.video_stream)
        for other in source.other_streams:
            if other.type in _NO_STREAM:
                if "timecode" not in other.metadata:  # the video's metadata has it too, from which FFmpeg makes that track anew
                    self.left_out.append(f"{other.type} stream {other.index}")
                continue
            if other.disposition & Disposition.attached_pic:  # what writes a file that survives a crash has no place for it
                self.left_out.append("the cover picture")
                continue
            try:
                copy = self._container.add_stream_from_template(other, opaque=True)
            except (ValueError, FFmpegError) as error:
                raise SinkError(
                    f"{self.path}: its {other.type} stream {other.index} ({_codec_of(other)}) cannot be kept in {self.path.suffix}; "
                    + _way_out(self.path, other)
                ) from error
            _describe(copy, other)
            self._copies[other.index] = copy
            # Sound of transport streams carries its header in every packet (ADTS); MP4 has it once, in the index.
            if self.path.suffix.lower() != ".mkv" and _codec_of(other) == "aac" and not other.codec_context.extradata:
                self._filters[other.index] = BitStreamFilterContext("aac_adtstoasc", other)

    def _add_comment(self, comment: str | None) -> None:
        if comment is None:
            return
        metadata = self._container.metadata
        earlier = [metadata.pop(key) for key in list(metadata) if key.lower() == "comment"]  # Matroska shouts: COMMENT
        metadata["comment"] = "; ".join([*earlier, comment])

    def _mux(self, packets: Iterable[Packet[Any]]) -> None:
        """Of the video. What lies beside it in time goes before it, so that the order does not depend on which thread was faster."""
        if self._source is not None:
            self._waiting.extend(self._source.take_copied())
        for packet in packets:
            time = packet.dts if packet.dts is not None else packet.pts
            self._copy(None if time is None else time * packet.time_base)
            packet.stream = self._stream
            packet.rescale_ts(AVRational(self._stream.time_base or 1))
            self._rise(packet)  # at a variable rate an encoder that begins anew may begin to count before the one before it ended
            self._container.mux_one(packet)
            self._muxed += 1

    def _copy(self, until: Fraction | None) -> None:
        """What waits of the other streams, up to that time."""
        while self._waiting and (until is None or (self._waiting[0].dts or 0) * self._waiting[0].time_base <= until):
            packet = self._waiting.popleft()
            copy, filter_ = self._copies.get(packet.stream_index), self._filters.get(packet.stream_index)
            if copy is None:
                continue
            time_base = packet.time_base  # a filter empties the packet
            try:
                for ready in [packet] if filter_ is None else filter_.filter(packet):
                    ready.stream, ready.time_base = copy, time_base
                    last = self._last_dts.get(ready.stream_index, ready.dts or 0)
                    if self._too_long((ready.dts or 0) - last, time_base, copy):
                        self._damaged += 1
                        continue
                    # Some files give two packets one time; containers refuse that, and a tick more cannot be heard.
                    self.retimed += self._rise(ready)
                    self._container.mux_one(ready)
            except UNDECODABLE:  # a flipped bit in the sound of a recording must not cost the picture
                self._damaged += 1

    def _too_long(self, ticks: int, time_base: Fraction, stream: Stream) -> bool:
        return self.path.suffix.lower() != ".mkv" and ticks * time_base / (stream.time_base or 1) > _LONGEST

    def _rise(self, packet: Packet[Stream]) -> bool:
        """Decoding times have to."""
        if packet.dts is None:
            return False
        least = self._last_dts.get(packet.stream_index, packet.dts - 1) + 1
        late = packet.dts < least
        if late:
            packet.dts = least
            packet.pts = max(packet.pts, least) if packet.pts is not None else None
        self._last_dts[packet.stream_index] = packet.dts
        return late

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (FFmpegError, OSError) as error:
            raise unwritable(self.path, error.errno, error.strerror or str(error)) from error


def _ticks(stream: Stream) -> int:
    """How MP4 will count this stream: samples for sound, its own ticks for anything else."""
    if isinstance(stream, AudioStream) and stream.codec_context is not None:
        return stream.codec_context.sample_rate or 1
    return stream.time_base.denominator if stream.time_base else 1


def _describe(copy: Stream, original: Stream) -> None:
    """Language, name, what it is for."""
    for key, value in original.metadata.items():
        if key.lower() not in _OF_THE_CONTAINER and not key.lower().startswith(_OF_THE_CODED):
            copy.metadata[key] = value
    copy.disposition = original.disposition


def _way_out(target: Path, stream: Stream) -> str:
    if target.suffix.lower() != ".mkv":
        return "give the output a name that ends in .mkv"
    codec = "-c:s srt" if stream.type == "subtitle" else "-c:a aac"
    return f"convert it first: ffmpeg -i IN -map 0 -c copy {codec} OUT.mkv"


def _codec_of(stream: Stream) -> str:
    return stream.codec_context.name if stream.codec_context is not None else "unknown codec"
