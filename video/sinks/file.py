"""Owns writing a video file: encoder, container, exact times, the other streams' packets, and the name at the end.

Knows nothing of networks or of where the frames come from. The file grows under a hidden name beside the target and gets its
own name only when it is whole; if anything fails it is removed.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from runtime.atomic import written
from runtime.errors import MissingExtra, SinkError
from video.color import PictureToFrame
from video.encoding import EncodeOptions, check_encoder, open_encoder
from video.frame import Frame, VideoInfo
from video.sources.damage import UNDECODABLE
from video.sources.file import FileSource
from video.target import check_target

try:
    import av
    from av.audio.stream import AudioStream
    from av.bitstream import BitStreamFilterContext
    from av.codec.context import Flags
    from av.error import FFmpegError
    from av.packet import Packet
    from av.stream import Disposition, Stream
    from av.video.stream import VideoStream
except ImportError as error:
    raise MissingExtra(error.name or "av", "cpu") from error

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
# Without delay_moov FFmpeg writes the index before it knows the first times, and shifts them all (by 90 ms, and audio by
# another amount, in the case that was measured). A hybrid file ends as an ordinary MP4; one that was killed plays up to its last keyframe.
_HYBRID = "hybrid_fragmented+frag_keyframe+delay_moov"
_KEYFRAMES_S = 2  # seconds between keyframes: what a crash may lose, and how far a player has to seek
_OF_THE_CONTAINER = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "duration"})
_OF_THE_CODED = ("bps", "number_of_bytes", "_statistics")  # what mkvmerge counted; a language may follow: BPS-eng
# Ticks from one packet to the next: FFmpeg's writer of MP4 aborts the whole process above that.
_LONGEST = 2**31 - 1
# A track of timecode or of a camera's sensors: accepted at first, and then no file can be written. And what damage makes up in streams.
_NO_STREAM = frozenset({"data", "unknown"})
_OF_THE_DISK = frozenset({errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EFBIG, errno.EDQUOT})


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
        self._last_dts: dict[int, int] = {}
        self._ended, self._damaged = False, 0  # packets that the source's damage made unfit to be copied
        self._open = contextlib.ExitStack()  # the container, closed first, and its file, which is named or removed after that
        try:
            with self._translated():
                part = self._open.enter_context(written(path))
                kind = CONTAINERS[path.suffix.lower()]
                self._container = av.open(os.path.abspath(part), "w", format=kind, container_options=self._container_options())
                self._open.callback(self._container.close)
                self._stream = self._add_video()
                open_encoder(self._stream.codec_context, self._options)
                if copy_from is not None:
                    self._add_copies(copy_from)
                self._add_comment(comment)
                self._container.start_encoding()  # what the container cannot hold must show now, not after hours
        except BaseException:
            self.abort()
            raise
        self._to_frame = PictureToFrame(info.color, self._stream.codec_context.pix_fmt or "")

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
        encoded = self._to_frame(frame.image)
        encoded.pts, encoded.time_base, encoded.duration = frame.pts, frame.time_base, frame.duration
        self.rounded += (frame.time / (self._stream.time_base or 1)).denominator != 1
        with self._translated():
            self._copy()
            self._container.mux(self._stream.encode(encoded))

    def finish(self) -> None:
        """Writes what is left and gives the file its name."""
        try:
            with self._translated():
                self._container.mux(self._stream.encode(None))
                self._copy()
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
            return {"avoid_negative_ts": "disabled"}  # (And it counts milliseconds: `rounded` tells.)
        # Ticks of the source's own size: its times are then whole numbers here too. Where a stream begins is counted in ticks of
        # the whole movie (by default milliseconds), so those must suit every stream.
        ticks = self.info.time_base.denominator
        movie = math.lcm(ticks, *(_ticks(other) for other in self._source.other_streams)) if self._source else ticks
        return {"movflags": _HYBRID, "video_track_timescale": str(ticks), "movie_timescale": str(movie if movie < 2**31 else ticks)}

    def _add_video(self) -> VideoStream:
        info, options = self.info, self._options
        stream = self._container.add_stream(options.facts.codec, rate=info.average_rate or 25, options=options.settings())
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = info.width, info.height
        context.pix_fmt = options.pixel_format(info)
        context.time_base = info.time_base
        stream.time_base = info.time_base
        context.flags |= Flags.frame_duration
        context.thread_count = 0
        if context.codec.canonical_name == "hevc" and self.path.suffix.lower() != ".mkv":
            context.codec_tag = "hvc1"  # Apple's players refuse FFmpeg's own choice, hev1
        if not options.facts.intra:
            context.gop_size = max(1, round(_KEYFRAMES_S * (info.average_rate or 25)))
        if info.sample_aspect_ratio is not None:
            context.sample_aspect_ratio = info.sample_aspect_ratio
            # PyAV cannot set it on the stream, from where Matroska would have it; these two say it in every keyframe.
            if (
                self.path.suffix.lower() == ".mkv"
                and context.codec.canonical_name not in ("h264", "hevc")
                and info.sample_aspect_ratio != 1
            ):
                self.left_out.append(f"the shape of the pixels, {info.sample_aspect_ratio} (.mp4 or .mov keeps it)")
        context.colorspace, context.color_range = info.color.matrix, info.color.range
        context.color_primaries, context.color_trc = info.color.primaries, info.color.transfer
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

    def _copy(self) -> None:
        if self._source is None:
            return
        for packet in self._source.take_copied():
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
                    self._rise(ready)
                    self._container.mux_one(ready)
            except UNDECODABLE:  # a flipped bit in the sound of a recording must not cost the picture
                self._damaged += 1

    def _too_long(self, ticks: int, time_base: Fraction, stream: Stream) -> bool:
        return self.path.suffix.lower() != ".mkv" and ticks * time_base / (stream.time_base or 1) > _LONGEST

    def _rise(self, packet: Packet[Stream]) -> None:
        """Some files give two packets one time; containers refuse that, and a tick more cannot be heard."""
        if packet.dts is None:
            return
        least = self._last_dts.get(packet.stream_index, packet.dts - 1) + 1
        if packet.dts < least:
            self.retimed += 1
            packet.dts = least
            packet.pts = max(packet.pts, least) if packet.pts is not None else None
        self._last_dts[packet.stream_index] = packet.dts

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (FFmpegError, OSError) as error:
            advice = "; check the disk's free space and the folder's permissions" if error.errno in _OF_THE_DISK else ""
            raise SinkError(f"{self.path}: cannot be written: {error.strerror}{advice}; no half-written file was left") from error


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
