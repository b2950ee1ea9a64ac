"""Starts a headless Chromium, the one that is installed; nothing is downloaded. Does not know what is on a page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.errors import ClearwayError, needs_extra

with needs_extra("dev"):
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.service import Service

_BINARY, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = "" if _BINARY and _DRIVER else "chromium is not installed: apt-get install chromium chromium-driver"
# A machine without a GPU draws faster without the emulation of one.
_ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars")


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    if MISSING or _BINARY is None:
        raise ClearwayError(MISSING)
    options = webdriver.ChromeOptions()
    options.binary_location = _BINARY
    for argument in _ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    try:
        driver = webdriver.Chrome(options=options, service=Service(_DRIVER))
    except WebDriverException as error:
        raise ClearwayError(f"expected {_BINARY} to start, it did not: {error.msg}") from error
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def run_first(driver: webdriver.Chrome, script: str) -> Iterator[None]:
    """Every page that is opened meanwhile runs this script before its own."""
    added = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        yield
    finally:
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
