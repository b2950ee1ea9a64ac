"""WebRTC from the server's side: a client gets the picture, and an offer that cannot be answered is refused in one line."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from av import VideoFrame

from runtime.errors import SinkError
from tests.support.video.live import soon
from tests.support.video.serving import Page, StillSource, ask, client, page
from video.page.encoders import H264Encoder
from video.page.viewers import ViewChannel
from video.page.views import VIEWS
from video.page.webrtc import WebRtcPeers

pytestmark = pytest.mark.network

LEVEL, ADDED = 100, 20


def offer(codec: str) -> RTCPeerConnection:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = peer.addTransceiver("video", direction="recvonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([one for one in codecs if one.mimeType == codec])
    return peer


async def asked(session: aiohttp.ClientSession, served: Page, peer: RTCPeerConnection) -> tuple[int, dict[str, Any]]:
    await peer.setLocalDescription(await peer.createOffer())
    async with session.post(f"{served.path}/compare/offer", json={"sdp": peer.localDescription.sdp}) as answer:
        return answer.status, await answer.json()


def test_a_client_gets_both_pictures_and_is_forgotten_when_it_goes() -> None:
    async def story(session: aiohttp.ClientSession) -> None:
        peer = offer("video/H264")
        try:
            status, said = await asked(session, served, peer)
            assert status == 200, said
            await peer.setRemoteDescription(RTCSessionDescription(said["sdp"], "answer"))
            track = peer.getReceivers()[0].track
            for _ in range(3):
                frame = await track.recv()
                assert isinstance(frame, VideoFrame)
                both = frame.to_ndarray(format="gray")[:, :96]
                assert (frame.width, frame.height) == (96, 128)
                # Limited range: 16 + level · 219 / 255
                assert np.abs(both[:60].mean() - (16 + LEVEL * 219 / 255)) < 3
                assert np.abs(both[68:].mean() - (16 + (LEVEL + ADDED) * 219 / 255)) < 3
        finally:
            await peer.close()

    with page(StillSource(LEVEL, 96, 64)) as served:
        client(story)
        soon(lambda: served.camera.sink.h264["compare"].viewers == (), "it is forgotten")


def test_it_ends_with_a_client_who_stays() -> None:
    async def story(session: aiohttp.ClientSession) -> None:
        peer = offer("video/H264")
        with page(StillSource(LEVEL, 96, 64)) as served:
            status, said = await asked(session, served, peer)
            assert status == 200, said
            await peer.setRemoteDescription(RTCSessionDescription(said["sdp"], "answer"))
            await peer.getReceivers()[0].track.recv()
        await asyncio.wait_for(peer.close(), 30)

    client(story)


@pytest.mark.parametrize("sdp", ["", "v=0", "nonsense\r\n" * 5, "v=0\r\nm=video x"])
def test_what_is_no_offer(sdp: str) -> None:
    with page(StillSource(LEVEL, 96, 64)) as served:
        status, said = ask(f"{served.path}/compare/offer", "POST", {"sdp": sdp})
        assert served.camera.sink.h264["compare"].viewers == ()
    assert status == 409
    assert said["error"].startswith("page: expected an offer of H.264 video, got one that cannot be answered (")
    assert said["error"].endswith("); use MJPEG")
    assert "\n" not in said["error"]


def test_a_browser_without_h264_is_refused() -> None:
    async def story(session: aiohttp.ClientSession) -> tuple[int, dict[str, Any]]:
        peer = offer("video/VP8")
        try:
            return await asked(session, served, peer)
        finally:
            await peer.close()

    with page(StillSource(LEVEL, 96, 64)) as served:
        status, said = client(story)
    assert (status, said["error"][:43]) == (409, "page: expected an offer of H.264 video, got")


def test_there_are_not_more_than_it_can_hold() -> None:
    async def story() -> None:
        peers, channel = WebRtcPeers(most=1), ViewChannel(VIEWS["compare"], H264Encoder, 8)
        browser = offer("video/H264")
        await browser.setLocalDescription(await browser.createOffer())
        sdp = browser.localDescription.sdp
        await peers.answer(sdp, channel)
        with pytest.raises(SinkError, match=r"^page: expected at most 1 viewers by WebRTC, got one more; use MJPEG$"):
            await peers.answer(sdp, channel)
        await peers.close()
        await browser.close()

    asyncio.run(story())


def test_without_aiortc_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with page(StillSource(LEVEL, 96, 64)) as served:
        assert ask(f"{served.url}cameras")[1]["webrtc"] is False
        expected = "aiortc is not installed; it comes with: pip install 'clearway[live]'"
        assert ask(f"{served.path}/compare/offer", "POST", {"sdp": ""}) == (409, {"error": expected})
