"""Sends a view, already encoded, to browsers by WebRTC. Does not know HTTP or cameras.

No server outside is used: no STUN, no TURN. A browser that cannot reach this machine's own addresses uses MJPEG.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack

from runtime.errors import SinkError, needs_extra
from video.live.sources.source import TICK
from video.page.viewers import ViewChannel, Viewer

with needs_extra("live"):
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
    from aiortc.mediastreams import MediaStreamTrack
    from aiortc.rtcrtpparameters import RTCRtpCodecCapability
    from av import Packet
    from av.stream import Stream

_OVER = frozenset({"failed", "closed"})


class _Track(MediaStreamTrack):
    kind = "video"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer

    async def recv(self) -> Packet[Stream]:
        """With the time of its sending, not of its capture: a browser holds back every frame by as much as their delays differ."""
        packet = Packet((await self._viewer.take()).content)
        packet.pts, packet.time_base = round(time.monotonic() / TICK), TICK
        return packet


class WebRtcPeers:
    """The browsers that are connected, all in one event loop."""

    def __init__(self, most: int = 16) -> None:
        """`most` at once: one that asks and never comes is forgotten only after a minute."""
        self._most = most
        self._open: dict[RTCPeerConnection, ExitStack] = {}

    async def answer(self, offer: str, channel: ViewChannel) -> str:
        """SDP for SDP; from then on the browser has the channel until it goes."""
        if len(self._open) >= self._most:
            raise SinkError(f"page: expected at most {self._most} viewers by WebRTC, got one more; use MJPEG")
        peer, ends = RTCPeerConnection(RTCConfiguration(iceServers=[])), ExitStack()
        self._open[peer] = ends

        async def changed() -> None:
            if peer.connectionState in _OVER:
                await self._close(peer)

        peer.on("connectionstatechange", changed)
        try:
            peer.addTrack(_Track(ends.enter_context(channel.viewer())))
            peer.getTransceivers()[0].setCodecPreferences(_h264())
            await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await peer.setLocalDescription(await peer.createAnswer())
        except Exception as error:  # aiortc raises what it pleases at a stranger's SDP
            await self._close(peer)
            raise SinkError(f"page: expected an offer of H.264 video, got one that cannot be answered ({error}); use MJPEG") from error
        return peer.localDescription.sdp

    async def close(self) -> None:
        await asyncio.gather(*(self._close(peer) for peer in tuple(self._open)))

    async def _close(self, peer: RTCPeerConnection) -> None:
        ends = self._open.pop(peer, None)
        if ends is not None:
            ends.close()
            await peer.close()


def _h264() -> list[RTCRtpCodecCapability]:
    return [codec for codec in RTCRtpSender.getCapabilities("video").codecs if codec.mimeType == "video/H264"]
