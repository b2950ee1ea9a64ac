"""A camera's name in addresses: readable, of safe letters, and no other camera's."""

from __future__ import annotations

from typing import cast

import pytest

from tests.support.video.serving import opens
from video.live.model import LiveModel
from video.page.camera import Camera, name_apart
from video.page.sink import PageSink


def names(*sources: str) -> dict[str, str]:
    """Name in addresses → source."""
    model = LiveModel(opens, ["20"])
    cameras = name_apart(Camera(source, PageSink(), model) for source in sources)
    assert all(name == camera.name == cast("str", camera.facts()["name"]) for name, camera in cameras.items())
    return {name: camera.source for name, camera in cameras.items()}


@pytest.mark.parametrize(
    ("source", "name"), [("rtsp://***@Cam.lan/live", "rtsp-cam-lan-live"), ("…", "camera"), ("a" * 50, "a" * 40), ("camera 0", "camera-0")]
)
def test_letters_of_an_address(source: str, name: str) -> None:
    assert names(source) == {name: source}


def test_cameras_that_would_have_one_name_are_numbered() -> None:
    """Two channels of one recorder, whose addresses differ in what is secret; two that differ in letters that addresses lack."""
    channel = "rtsp://***@nvr/live?channel=***"
    assert names(channel, channel, "cam/1", "cam 1") == {
        "rtsp-nvr-live-channel": channel,
        "rtsp-nvr-live-channel-2": channel,
        "cam-1": "cam/1",
        "cam-1-2": "cam 1",
    }


def test_a_number_is_no_other_camera_s_name() -> None:
    assert names("a 2", "a", "a", "a 2") == {"a-2": "a 2", "a": "a", "a-3": "a", "a-2-2": "a 2"}
