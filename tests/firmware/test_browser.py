# SPDX-License-Identifier: EUPL-1.2
"""The kit's page as a person sees it: the real kit's answers in a real browser of a phone's size, in both languages.

CITIMEASURE_PICTURES=docs/how-to makes the pictures of the documentation anew.
"""

import json
import os
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.firmware.test_page import ADDRESS, page
from tests.parts.browser import SMALLEST, phone

WORDS = {
    "en": {
        "setup": "Set this kit up", "saved": "Saved.", "short": "Not saved. The password of a Wi-Fi has 8 to 63 char",
        "setting": "This kit waits to be set up.", "away": "No connection with the collector.", "value": "20.0 °C",
        "nobody": "Not saved. The kit does not answer.", "full": "Not saved. The memory of the kit cannot be written.",
    },
    "nl": {
        "setup": "Stel deze kit in", "saved": "Bewaard.", "short": "Niet bewaard. Het wachtwoord van een wifi heeft 8",
        "setting": "Deze kit wacht tot u hem instelt.", "away": "Geen verbinding met de verzamelaar.",
        "value": "20,0 °C", "nobody": "Niet bewaard. De kit antwoordt niet.",
        "full": "Niet bewaard. Het geheugen van de kit kan niet worden beschreven.",
    },
}  # fmt: skip
PICTURES = ("portal-en", "page-nl")  # those that the documentation shows
LANGUAGES = pytest.mark.parametrize("language", ["en", "nl"])


def text(browser, id):
    return browser.find_element(By.ID, id).text


def wait(browser, id, start):
    """Until an element's text begins so."""
    WebDriverWait(browser, 30, 0.1).until(lambda browser: text(browser, id).startswith(start), text(browser, id))


def fill(browser, **fields):
    for id, value in fields.items():
        field = browser.find_element(By.ID, id)
        field.clear()
        field.send_keys(value)


def save(browser):
    browser.find_element(By.CSS_SELECTOR, "#setup button").click()


def picture(browser, name):
    if (folder := os.environ.get("CITIMEASURE_PICTURES")) and name in PICTURES:
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def check_it_fits(browser, width):
    """Nothing is wider than the screen, nothing to press is too small, every field says what it is for."""
    size = "return [document.documentElement.scrollWidth, innerWidth]"
    assert browser.execute_script(size) == [width, width]
    for field in browser.find_elements(By.CSS_SELECTOR, "input:not([type=checkbox]), select, button"):
        if field.is_displayed():
            assert field.size["height"] >= 40, field.get_attribute("id")
    for field in browser.find_elements(By.CSS_SELECTOR, "input, select"):
        labels = browser.execute_script("return [...arguments[0].labels].map(l => l.textContent)", field)
        assert "".join(labels).strip(), field.get_attribute("id")


def asked_elsewhere(browser):
    """What the page asked of anybody but the kit."""
    names = browser.execute_script("return performance.getEntriesByType('resource').map(r => r.name)")
    return [name for name in names if not name.startswith(f"http://{ADDRESS}/")]


@LANGUAGES
def test_a_person_sets_the_kit_up_with_a_phone(tmp_path, language):
    words = WORDS[language]
    with page(tmp_path, "new") as ask, phone(language, {ADDRESS: f"127.0.0.1:{ask.port}"}) as browser:
        browser.get(f"http://{ADDRESS}/")
        wait(browser, "state", words["setting"])
        WebDriverWait(browser, 30).until(lambda browser: browser.find_element(By.ID, "setup").is_displayed())
        assert words["setup"] in browser.page_source
        offered = browser.find_elements(By.CSS_SELECTOR, "#networks option")
        assert [one.get_attribute("value") for one in offered] == ["Home", "Café"]
        assert browser.find_element(By.ID, "host").get_attribute("value") == "collector.example"
        check_it_fits(browser, 390)
        picture(browser, f"portal-{language}")

        fill(browser, network="Café", wifi_password="short", device="kit-new-one", port="8883")
        save(browser)
        wait(browser, "talk", words["short"])
        assert json.loads((tmp_path / "cfg/config.json").read_text())["network"] == ""

        fill(browser, wifi_password="long enough")
        Select(browser.find_element(By.ID, "grid")).select_by_value("100m")
        browser.find_element(By.ID, "tls").click()
        save(browser)
        wait(browser, "state", words["saved"])
        assert not browser.find_element(By.ID, "setup").is_displayed()
        assert asked_elsewhere(browser) == []
        loud = [one for one in browser.get_log("browser") if one["level"] == "SEVERE" and "400" not in one["message"]]
        assert [one for one in loud if "favicon" not in one["message"]] == []
    saved = json.loads((tmp_path / "cfg/config.json").read_text())
    assert (saved["network"], saved["grid"], saved["tls"], saved["device"]) == ("Café", "100m", True, "kit-new-one")
    assert json.loads((tmp_path / "cfg/secret.json").read_text())["wifi_password"] == "long enough"


def test_what_the_browser_can_see_is_wrong_is_not_sent(tmp_path):
    with page(tmp_path, "new") as ask, phone("en", {ADDRESS: f"127.0.0.1:{ask.port}"}) as browser:
        browser.get(f"http://{ADDRESS}/")
        wait(browser, "state", WORDS["en"]["setting"])
        WebDriverWait(browser, 30).until(lambda browser: browser.find_element(By.ID, "setup").is_displayed())
        for wrong in ({"device": "Kit of Ann"}, {"port": "70000"}, {"host": ""}):
            fill(browser, network="Home", device="kit-abc123", port="1883", host="collector.example")
            fill(browser, **wrong)
            save(browser)
            bad = browser.find_elements(By.CSS_SELECTOR, "#setup input:invalid")
            assert [one.get_attribute("id") for one in bad] == list(wrong)
        browser.set_window_size(*SMALLEST)
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": SMALLEST[0], "height": SMALLEST[1], "deviceScaleFactor": 2, "mobile": True},
        )
        check_it_fits(browser, SMALLEST[0])


@LANGUAGES
def test_a_kit_that_cannot_save_or_is_gone_says_so_in_words(tmp_path, language):
    with page(tmp_path, "new") as ask, phone(language, {ADDRESS: f"127.0.0.1:{ask.port}"}) as browser:
        browser.get(f"http://{ADDRESS}/")
        WebDriverWait(browser, 30).until(lambda browser: browser.find_element(By.ID, "setup").is_displayed())
        fill(browser, network="Home", wifi_password="long enough", device="kit-abc123")
        blocked = tmp_path / "cfg/secret.json.new"
        blocked.mkdir()  # it cannot be written then, as on a board whose flash is full
        save(browser)
        wait(browser, "talk", WORDS[language]["full"])
        blocked.rmdir()
        browser.execute_script("window.fetch = () => Promise.reject(new TypeError('Failed to fetch'))")
        save(browser)
        wait(browser, "talk", WORDS[language]["nobody"])


@LANGUAGES
def test_the_page_at_home_shows_what_is_measured_and_where_it_goes(tmp_path, language):
    words = WORDS[language]
    with page(tmp_path) as ask, phone(language, {ADDRESS: f"127.0.0.1:{ask.port}"}, dark=language == "nl") as browser:
        browser.get(f"http://{ADDRESS}/")
        wait(browser, "state", words["away"])
        assert words["value"] in text(browser, "values")
        assert "collector.example" in text(browser, "sends") and "SHT4x" in text(browser, "parts")
        assert not browser.find_element(By.ID, "setup").is_displayed()
        assert browser.execute_script("return document.documentElement.lang") == language
        check_it_fits(browser, 390)
        picture(browser, f"page-{language}")
        assert asked_elsewhere(browser) == []
