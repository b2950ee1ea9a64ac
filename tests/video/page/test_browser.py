"""The page in a real browser: the picture moves by either way, every control does what it says, and nothing outside is asked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from benchmarks.rig.browser import MISSING, chromium
from tests.support.video.chromium import Browser
from tests.support.video.live import soon
from tests.support.video.serving import Page, StillSource, page
from video.live.sources.pretend import PatternSource
from video.live.sources.source import LiveSource
from video.page.views import VIEWS, View, table

pytestmark = [pytest.mark.network, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

WIDTH, HEIGHT = 320, 180
LEVEL, ADDED = 100, 20  # of the source, and by the model that runs at first


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as driver:
        yield Browser(driver)


@pytest.fixture
def served(browser: Browser) -> Iterator[Page]:
    yield from _served(browser, StillSource(LEVEL, WIDTH, HEIGHT))


@pytest.fixture
def moving(browser: Browser) -> Iterator[Page]:
    yield from _served(browser, PatternSource(WIDTH, HEIGHT, 25))


def _served(browser: Browser, source: LiveSource) -> Iterator[Page]:
    """What the browser complains of fails the test."""
    browser.console()
    with page(source) as one:
        yield one
        browser.leave()
        said = browser.console()
    assert said == []


def shows(browser: Browser, served: Page, by: str = "WebRTC", **size: int) -> None:
    browser.open(served.url, **size)

    def there() -> bool:
        if browser.text("by") not in ("", by):  # a machine so busy that WebRTC took the page too long
            browser.open(served.url, **size)
        return browser.text("by") == by

    browser.soon(there, f"a picture by {by}")


@pytest.mark.parametrize("by", ["WebRTC", "MJPEG"])
def test_the_picture_moves(browser: Browser, moving: Page, by: str) -> None:
    if by == "MJPEG":
        with browser.without("RTCPeerConnection"):
            shows(browser, moving, by)
    else:
        shows(browser, moving, by)
    assert browser.run('const c = document.getElementById("picture"); return [c.width, c.height]') == [WIDTH, HEIGHT]
    for _ in range(3):
        last = browser.mean(0, 0.5)
        browser.soon(lambda last=last: abs(browser.mean(0, 0.5) - last) > 0.5, "the bar walks")  # type: ignore[misc]
    channels = moving.camera.sink.h264 if by == "WebRTC" else moving.camera.sink.jpeg
    browser.leave()
    soon(lambda: channels["compare"].viewers == (), "who has left is forgotten")


@pytest.mark.parametrize("how", ["keys", "pointer"])
def test_the_line_moves(browser: Browser, served: Page, how: str) -> None:
    """To an edge and back: the whole picture is the one or the other."""
    shows(browser, served)
    wipe, stage = (browser.driver.find_element(By.ID, name) for name in ("wipe", "stage"))

    def move(after: bool) -> None:
        if how == "keys":
            wipe.send_keys(Keys.HOME if after else Keys.END)
        else:
            across = round(stage.size["width"] / 2) - 1
            start = ActionChains(browser.driver).move_to_element(stage).click_and_hold()
            start.move_by_offset(-across if after else across, 0).release().perform()

    def is_whole(level: int) -> bool:
        return all(abs(mean - level) < 3 for mean in (browser.mean(0.1, 0.4), browser.mean(0.6, 0.9)))

    for after in (True, False, True):
        move(after)
        browser.soon(lambda after=after: is_whole(LEVEL + ADDED * after), f"all after: {after}")  # type: ignore[misc]


def test_what_was_removed(browser: Browser, served: Page) -> None:
    shows(browser, served)
    browser.run('document.querySelector("[value=removed]").click()')
    browser.soon(lambda: abs(browser.mean() - (128 - ADDED / 2)) < 2, "the removed layer")
    soon(lambda: served.camera.sink.h264["compare"].viewers == (), "the other view is no longer encoded")


def test_a_view_that_is_added_has_a_button(browser: Browser) -> None:
    """Of the table alone: no line of the page's own names a view."""
    white = View("white", "All white", lambda before, after: np.full_like(before, 250), is_pair=False)
    with page(StillSource(LEVEL, WIDTH, HEIGHT), views=table(*VIEWS.values(), white)) as served:
        shows(browser, served)
        browser.driver.find_element(By.XPATH, "//label[span[text()='All white']]").click()
        browser.soon(lambda: abs(browser.mean() - 250) < 2, "the added view")
        assert browser.run('return document.querySelector(".title").textContent') == "all white"
        browser.leave()
    browser.console()


def test_the_numbers_and_charts(browser: Browser, served: Page) -> None:
    shows(browser, served)
    for chart in ("latency-chart", "fps-chart"):
        browser.soon(lambda chart=chart: browser.accented(chart) > 20, f"a line in {chart}")  # type: ignore[misc]
    drawn = browser.accented("fps-chart")
    browser.soon(lambda: browser.accented("fps-chart") > drawn, "the line goes on")
    assert browser.text("state-text") == "running"
    assert int(browser.text("captured")) > 0
    assert browser.text("away") == "never"


def test_strength(browser: Browser, served: Page) -> None:
    shows(browser, served)
    browser.driver.find_element(By.ID, "strength").send_keys(Keys.HOME)
    soon(lambda: served.model.state.strength == 0, "strength 0")
    browser.soon(lambda: browser.text("strength-value") == "0 %", "strength 0 beside its slider")


def test_the_model(browser: Browser, served: Page) -> None:
    shows(browser, served)
    select = Select(browser.driver.find_element(By.ID, "model"))
    select.select_by_visible_text("40")
    soon(lambda: served.model.state.model == "40", "the other model")
    select.select_by_visible_text("broken")
    browser.soon(lambda: browser.text("message").startswith("broken: "), "why it does not run")
    browser.soon(lambda: browser.text("message").endswith("; 40 is still running"), "what runs instead")
    browser.soon(lambda: select.first_selected_option.text == "40", "what runs is shown as chosen")


@pytest.mark.parametrize(("width", "height"), [(360, 640), (1440, 900), (3840, 2160)])
def test_it_fits_every_screen(browser: Browser, served: Page, width: int, height: int) -> None:
    shows(browser, served, width=width, height=height)
    assert browser.run("return document.documentElement.scrollWidth") == width
    left, right, top, bottom = browser.run(
        'const r = document.getElementById("stage").getBoundingClientRect(); return [r.left, r.right, r.top, r.bottom]'
    )
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height, "the whole picture is seen without scrolling"
    assert right - left > 0.6 * width


def test_every_control_is_reached_by_keys(browser: Browser, served: Page) -> None:
    shows(browser, served)
    reached = []
    for _ in range(12):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
        reached.append(browser.run('const e = document.activeElement; return e.id || e.name || "other"'))
    assert {"wipe", "view", "model", "strength", "snapshot"} <= set(reached)


def test_nothing_outside_is_asked(browser: Browser, served: Page) -> None:
    browser.asked()
    shows(browser, served)
    browser.soon(lambda: browser.text("captured") not in ("", "–"), "numbers")
    assert browser.asked() == {served.url.split("/")[2]}


def test_a_server_that_ends_is_told(browser: Browser) -> None:
    with page(StillSource(LEVEL, WIDTH, HEIGHT)) as served:
        shows(browser, served)
    browser.soon(lambda: browser.text("state-text") == "no answer", "that it has ended")
    browser.leave()
    browser.console()
