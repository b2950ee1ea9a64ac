"""Reads a video file: its facts, its frames with their exact times, and the packets of its other streams.

Does not know networks or what is written. Damage is never passed over in silence: frames that the decoder had to
patch are counted in `damage`, and a file that breaks off raises a SourceError that says where.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np

from runtime.errors import SourceError, needs_extra
from video.color import AssumedColor, FrameToPicture, read_color
from video.files.deinterlace import Deinterlacer
from video.files.reading import ReadOptions
from video.files.sources.copied import CopiedPackets
from video.files.sources.damage import UNDECODABLE, Damage
from video.files.sources.demux import demuxed
from video.files.sources.keyframe import Keyframe, keyframe_before
from video.files.sources.times import FrameTimes
from video.files.sources.whole import FRONT, missing_bytes
from video.frame import Frame, VideoInfo

with needs_extra("cpu"):
    import av
    from av.container import InputContainer
    from av.error import EOFError as AvEOFError
    from av.error import FFmpegError, InvalidDataError
    from av.packet import Packet
    from av.stream import Disposition, Stream
    from av.video.stream import VideoStream

# These hold the order of decoding only, and the times that FFmpeg makes up for them are wrong around B-frames.
_WITHOUT_TIMES = frozenset({"avi", "h264", "hevc"})
_NO_STEADY_RATE = 1000  # above this a "rate" is only the tick of a container without one
_TS_PACKETS = (188, 192, 204)  # bytes: plain, with a time in front, with a checksum behind
_WRAP = 2**33  # ticks of MPEG's streams; they begin anew every 26.5 hours
# One packet makes one frame, so a packet without a frame is a frame that was lost.
_ONE_TO_ONE = frozenset({"h264", "hevc", "av1", "libdav1d", "mjpeg", "ffv1", "prores"})
# Here a whole packet may hold no frame, or half of an interlaced one; but beside other damage the likelier thing is that it was lost.
_MOSTLY_ONE_TO_ONE = frozenset({"mpeg4", "mpeg1video", "mpeg2video"})
_SAVE = "copy it again, or save what is there with: ffmpeg -i IN -c copy OUT.mkv"


class FileSource:
    """A video file that is being read. Iterate once; close it, or use it as a context manager."""

    first_number = 1  # as FFmpeg counts

    def __init__(self, path: Path, container: InputContainer, stream: VideoStream, options: ReadOptions, *, copies: bool) -> None:
        self.path = path
        self.options = options
        self.damage = Damage()
        self._container = container
        self._stream = stream
        # Frame and slice threads: their delay of a frame a thread does not matter for a file.
        stream.thread_type = "AUTO"
        self._others = [other for other in container.streams if copies and other.index != stream.index]
        # Counted here: a stream cannot be asked once its container is closed.
        self.further_videos = sum(other.type == "video" and not other.disposition & Disposition.attached_pic for other in self._others)
        self._copied = CopiedPackets()
        self._sent = self._hidden = self._decoded = 0
        self._begin: int | None = None  # of the keyframe that was gone to: frames before it are not waited for
        self._interlaced = False
        self._ends: dict[int, Fraction] = {}
        # FFmpeg makes times before a wrap negative, which players leave out.
        self._wrapped = "mpeg" in container.format.name and (container.start_time or 0) < 0
        self._time_base = stream.time_base or Fraction(1, 1000)
        self._times = FrameTimes(path, self._time_base, self.damage, order_only=container.format.name in _WITHOUT_TIMES)
        self._deinterlacer = Deinterlacer(path) if options.deinterlace else None
        self._packets: Iterator[Packet[Stream]] = self._read()
        self._frames = self._decode() if self._deinterlacer is None else self._deinterlacer(self._decode())
        first = next(self._frames, None)
        if first is None:
            raise SourceError(f"{path}: a video with frames was expected, not one could be decoded; the file is damaged or empty")
        self._first: av.VideoFrame | None = first
        self._skipped = 0
        try:
            self.info = _describe(container, stream, first, self._time_base, options.assume)
        except SourceError as error:
            raise SourceError(f"{path}: {error}") from error
        self._times.rate = self.info.average_rate
        self._picture = FrameToPicture(self.info.color)

    @property
    def container(self) -> InputContainer:
        """For a sink that copies metadata and chapters."""
        return self._container

    @property
    def video_stream(self) -> VideoStream:
        """The one that is decoded, for a sink that copies its name and language."""
        return self._stream

    @property
    def other_streams(self) -> list[Stream]:
        """The streams beside the video one; empty unless opened with copies=True."""
        return self._others

    @property
    def copy_from(self) -> FileSource:
        return self

    @property
    def other_kinds(self) -> tuple[str, ...]:
        """audio, subtitle, …: what a sink of pictures alone leaves out."""
        return tuple(dict.fromkeys(other.type for other in self._container.streams if other.index != self._stream.index))

    @property
    def deinterlaced(self) -> int:
        """The frames so far that were stored interlaced and came as whole ones."""
        return self._deinterlacer.frames if self._deinterlacer is not None else 0

    def take_copied(self) -> Iterator[Packet[Stream]]:
        """The packets of the other streams that were read since the last call. May be called from another thread."""
        return self._copied.take()

    def __iter__(self) -> Iterator[Frame]:
        first, self._first = self._first, None
        if first is None:
            raise SourceError(f"{self.path}: this source was read already; open it again")
        timed = self._timed(first)
        index, (decoded, pts) = self._skipped, next(timed)
        for following, next_pts in timed:
            # Looking one ahead gives the true duration; what containers say is often the distance of decoding times.
            yield self._frame(index, decoded, pts, next_pts - pts)
            index, decoded, pts = index + 1, following, next_pts
        yield self._frame(index, decoded, pts, self._last_duration(decoded, pts))

    def _timed(self, decoded: av.VideoFrame) -> Iterator[tuple[av.VideoFrame, int]]:
        """The frames from this one on with times that rise, each judged by those around it."""
        for following in self._frames:
            yield decoded, self._times.of(decoded, following)
            decoded = following
        yield decoded, self._times.of(decoded, None)

    def skip(self, done: Sequence[Fraction]) -> Iterator[None]:
        """Passes over the first frames, which were `done` before, at these times: about a step for each. Then iterate over the rest.

        From the last keyframe that may be trusted they are decoded; what lies before it is only read, for the other streams.
        """
        by_packets = self._deinterlacer is None and self._container.format.name not in _WITHOUT_TIMES
        keyframe = keyframe_before(self.path, self._stream.index, done) if by_packets else None
        if keyframe is not None:
            yield from self._go_to(keyframe)
        while self._skipped < len(done) and self._first is not None:
            following = next(self._frames, None)
            self._times.of(self._first, following)
            self._first, self._skipped = following, self._skipped + 1
            yield
        if self._first is None:
            raise SourceError(f"{self.path}: more than {len(done)} frames were expected, {self._skipped} came; the file has changed")

    def _go_to(self, keyframe: Keyframe) -> Iterator[None]:
        if keyframe.position < self._sent:
            return  # it was decoded with the first frame: there is next to nothing to skip
        for packet in self._packets:
            if self._sent > keyframe.position:
                self._packets = itertools.chain([packet], self._packets)
                break
            yield
        self._begin, self._decoded = keyframe.pts, self._sent - self._hidden - 1
        self._stream.codec_context.flush_buffers()
        self._first, self._skipped = next(self._frames, None), keyframe.index

    def _frame(self, index: int, decoded: av.VideoFrame, pts: int, duration: int) -> Frame:
        if (decoded.width, decoded.height) != (self.info.width, self.info.height):
            raise SourceError(
                f"{self.path}: {self.info.width}×{self.info.height} was expected throughout, frame {index} is "
                f"{decoded.width}×{decoded.height}; cut the video there and restore the parts"
            )
        if decoded.is_corrupt:
            self.damage.patched += 1
            self.damage.note(pts * self._time_base)
        return Frame(index, pts, self._time_base, self._picture(decoded), duration)

    def _last_duration(self, decoded: av.VideoFrame, pts: int) -> int:
        if self._stream.duration:
            return max(0, (self._stream.start_time or 0) + _WRAP * self._wrapped + self._stream.duration - pts)
        return decoded.duration or 0

    def _read(self) -> Iterator[Packet[Stream]]:
        """The packets of the video. Those of the other streams are put aside."""
        packets: Iterator[Packet[Stream]] = demuxed(self._container)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError as error:
                raise self._broken_off(str(error.strerror)) from error
            if packet is None:
                return
            if self._wrapped:
                packet.pts, packet.dts = (None if time is None else time + _WRAP for time in (packet.pts, packet.dts))
            if packet.size:
                self._check(packet)
            if packet.stream_index == self._stream.index:
                yield packet
            elif self._others:
                self._copied.add(packet)

    def _decode(self) -> Iterator[av.VideoFrame]:
        while (packet := next(self._packets, None)) is not None:
            try:
                for frame in self._stream.decode(packet):
                    if self._begin is None or (frame.pts is not None and frame.pts >= self._begin):
                        self._decoded += 1
                        self._interlaced |= frame.interlaced_frame
                        yield frame
            except AvEOFError:
                pass  # a decoder that was flushed twice
            except UNDECODABLE:
                self.damage.lost += 1
                self._times.lost()
                self.damage.note((packet.pts or 0) * self._time_base)
            except FFmpegError as error:
                raise SourceError(f"{self.path}: frame {self._decoded} could not be decoded: {error.strerror}") from error
        self._copied.end()
        self.damage.astray = self._copied.astray
        self._check_end()

    def _check(self, packet: Packet[Stream]) -> None:
        """A packet that the demuxer cut short: outside of transport streams that means that the file ends inside it."""
        torn = packet.is_corrupt
        if torn and "mpegts" not in self._container.format.name:
            raise self._broken_off("the last packet is incomplete")
        if packet.stream_index == self._stream.index:
            self._sent += 1
            if torn:
                self.damage.torn += 1
                self.damage.note((packet.pts or 0) * self._time_base)
            # Before an edit list's beginning, or before the keyframe that was gone to: decoded for those after it, not shown.
            self._hidden += packet.is_discard or (self._begin is not None and packet.pts is not None and packet.pts < self._begin)
            self._times.sent(packet.dts)
        if packet.pts is not None:
            end = (packet.pts + (packet.duration or 0)) * packet.time_base
            self._ends[packet.stream_index] = max(end, self._ends.get(packet.stream_index, end))

    def _check_end(self) -> None:
        """The demuxers of some formats take a missing end for the end: compare with what the header announced."""
        name = self._container.format.name
        size = self._container.size  # negative for a pipe
        if "mpegts" in name and size > 0 and all(size % packet for packet in _TS_PACKETS):
            self.damage.torn += 1
        if "matroska" in name or "flv" in name:
            announced = Fraction(self._container.duration or 0, av.time_base)
            read = max(self._ends.values(), default=Fraction(0))
            if read < announced - Fraction(1, 2):
                raise self._broken_off(f"{float(announced):.1f} s were announced")
        # The index is asked and not `frames`: an edit list may leave samples out.
        if "mp4" in name and self._sent < len(self._stream.index_entries):
            raise self._broken_off(f"{len(self._stream.index_entries)} frames were announced")
        codec, damaged = self._stream.codec_context.codec.name, self.damage.patched or self.damage.lost
        if codec in _ONE_TO_ONE or (codec in _MOSTLY_ONE_TO_ONE and damaged and not self._interlaced):
            # PyAV says nothing of a failure that comes together with a good frame.
            self.damage.lost = max(self.damage.lost, self._sent - self._hidden - self._decoded)

    def _broken_off(self, why: str) -> SourceError:
        time = float(self._ends.get(self._stream.index, Fraction(0)))
        return SourceError(
            f"{self.path}: a whole video was expected, the file breaks off after frame {self._decoded} ({time:.2f} s): {why}; {_SAVE}"
        )

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> FileSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_video(path: Path, options: ReadOptions | None = None, *, copies: bool = False) -> FileSource:
    """Opens a file and decodes its first frame. With `copies` the other streams are read too, for a sink to carry over."""
    if not path.is_file():
        got = "a folder is there" if path.is_dir() else "there is nothing"
        raise SourceError(f"{path}: a video file was expected, {got}; check the path")
    if path.stat().st_size == 0:
        raise SourceError(f"{path}: a video file was expected, this one is empty (0 bytes); copy it again")
    try:
        _check_whole(path)
        # Metadata in another encoding must not stop a video.
        # A relative name with a colon in it, as recorders give them after the time of day, would be taken for a protocol.
        container = av.open(os.path.abspath(path), metadata_errors="replace")
    except InvalidDataError as error:
        raise SourceError(f"{path}: a video was expected, {_what_else(path)}") from error
    except (FFmpegError, OSError) as error:
        raise SourceError(f"{path}: cannot be opened: {error.strerror}; check the file and its permissions") from error
    try:
        streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not streams:
            raise SourceError(f"{path}: a video was expected, it has no video stream; name another file")
        if streams[0].codec_context is None:
            raise SourceError(f"{path}: its video codec is unknown to this FFmpeg; convert it to H.264 first")
        return FileSource(path, container, streams[0], options or ReadOptions(), copies=copies)
    except BaseException:
        container.close()
        raise


def _check_whole(path: Path) -> None:
    """Before the hours that it takes to come to where the file ends."""
    with path.open("rb") as file:
        missing = missing_bytes(file.read(FRONT), path.stat().st_size)
    if missing:
        raise SourceError(f"{path}: a whole video was expected, its last {missing:,} bytes are missing; {_SAVE}")


def _what_else(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4096)
    if start[4:8] == b"ftyp":
        return (
            "its index (moov) is missing: the recording or the copy was cut off before it was finished; "
            "copy it again, or repair it with a tool such as untrunc"
        )
    what = "this is text" if b"\0" not in start and start.isascii() else "FFmpeg recognises nothing in it"
    return f"{what}; name a video file, or copy it again if it should be one"


def _describe(
    container: InputContainer, stream: VideoStream, first: av.VideoFrame, time_base: Fraction, assume: AssumedColor | None
) -> VideoInfo:
    color, assumed = read_color(first, assume)
    rate = stream.average_rate or stream.guessed_rate
    rate = rate if rate and 0 < rate <= _NO_STEADY_RATE else None
    duration = stream.duration * time_base if stream.duration else None
    if duration is None and container.duration:
        duration = Fraction(container.duration, av.time_base)
    frames = stream.frames or (round(duration * rate) if duration and rate else None)
    return VideoInfo(
        width=first.width,
        height=first.height,
        time_base=time_base,
        average_rate=rate,
        frames=frames,
        duration=duration,
        color=color,
        color_assumed=assumed,
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=first.format.name,
        bit_depth=max(component.bits for component in first.format.components),
        container=container.format.name,
        sample_aspect_ratio=stream.sample_aspect_ratio or None,
        display_matrix=_display_matrix(first),
        interlaced=first.interlaced_frame,
        has_audio=bool(container.streams.audio),
    )


def _display_matrix(first: av.VideoFrame) -> tuple[int, ...] | None:
    sides: Mapping[str, Any] = cast("Mapping[str, Any]", first.side_data)  # PyAV's stub knows of one kind only
    try:
        matrix = sides["DISPLAYMATRIX"]
    except KeyError:
        return None
    return tuple(int(number) for number in np.frombuffer(matrix, np.int32))
