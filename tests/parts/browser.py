# SPDX-License-Identifier: EUPL-1.2
"""A real browser as small as a phone: Chromium without a window, by its own driver."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.parts import missing

PHONE = (390, 844)  # CSS pixels, as many phones have
SMALLEST = (320, 568)
_QUIET = (
    "headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run", "disable-sync",
    "disable-background-networking", "disable-component-update", "disable-quic", "hide-scrollbars",
)  # fmt: skip


@contextmanager
def phone(language: str, hosts: dict[str, str], *, dark: bool = False) -> Iterator[webdriver.Chrome]:
    """A browser that speaks a language and finds each host, `name:port`, at another; nothing else can be reached."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        missing("chromium", "apt install chromium chromium-driver")
    rules = ", ".join(f"MAP {name} {where}" for name, where in hosts.items())
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    metrics = {"width": PHONE[0], "height": PHONE[1], "pixelRatio": 2.0, "mobile": True, "touch": True}
    options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*_QUIET, f"lang={language}", f"user-data-dir={profile}", f"host-resolver-rules={rules}"):
            options.add_argument(f"--{flag}")
        chrome = webdriver.Chrome(options, Service(driver))
        try:
            chrome.set_page_load_timeout(60)
            if dark:
                feature = {"name": "prefers-color-scheme", "value": "dark"}
                chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
            yield chrome
        finally:
            chrome.quit()
