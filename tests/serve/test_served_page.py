"""The page in a real browser; run with -m browser, see CONTRIBUTING.md."""

import base64

import numpy as np
import pytest
from serving import picture

pytestmark = pytest.mark.browser
DROP = """([name, content]) => {
    const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name));
    const given = {bubbles: true, cancelable: true};
    const event = EVENT;
    document.getElementById("drop").dispatchEvent(event);
}"""
EVENTS = {
    "drop": 'new DragEvent("drop", {dataTransfer: data, ...given})',
    "paste": 'new ClipboardEvent("paste", {clipboardData: data, ...given})',
}


@pytest.fixture
def page(browser, server):
    told, asked = [], []
    page = browser.new_page()
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    page.locator("#about", has_text="10 classes").wait_for()
    yield page
    # Chromium tells of every answer that is none
    assert [text for text in told if "status of 422" not in text] == []
    assert all(url.startswith((server.url, f"blob:{server.url}")) for url in asked)
    page.close()


def give(page, how, name, content):
    """Drop or paste a file."""
    script = DROP.replace("EVENT", EVENTS[how])
    page.evaluate(script, [name, base64.b64encode(content).decode()])


@pytest.mark.parametrize("how", EVENTS)
def test_a_picture_gets_its_class(page, server, digits, how):
    give(page, how, "six.png", digits[6])
    result = page.locator(".result")
    result.wait_for()
    (said,) = server.predict(("six.png", digits[6])).document["images"]
    shown = result.locator(".class").inner_text()
    assert shown == f"6 {100 * said['probability']:.1f} %"
    assert result.locator(".file").inner_text() == "six.png"
    assert page.locator("#status").inner_text() == "six.png: 6"
    bars = result.locator(".bars tbody tr")
    assert bars.count() == 5
    assert bars.first.locator("th").inner_text() == "6"
    width, whole = bars.first.locator(".bar").evaluate(
        "bar => [bar.firstChild, bar].map(e => e.getBoundingClientRect().width)"
    )
    assert width / whole == pytest.approx(said["probability"], abs=0.02)
    result.get_by_role("button", name="Show all 10 classes").click()
    assert bars.count() == 10
    near = result.locator(".near tbody tr td:first-child").all_inner_texts()
    assert near == [one["id"] for one in said["similar"]]
    seen = result.locator("img").evaluate(
        "async i => (await i.decode(), i.naturalWidth)"
    )
    assert seen == 8


def test_chosen_pictures_come_the_newest_first(page, digits):
    noise = picture(np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8))
    given = {"1.png": digits[1], "noise.png": noise, "text.png": b"no picture"}
    page.locator("#choose").set_input_files(
        [
            {"name": name, "mimeType": "image/png", "buffer": content}
            for name, content in given.items()
        ]
    )
    page.locator(".result").nth(2).wait_for()
    shown = page.locator(".class").all_inner_texts()
    assert shown[:2] == ["not read", "unknown"] and shown[2].startswith("1 ")
    why = page.locator(".why").all_inner_texts()
    assert why[0] == "not an image that Pillow knows"
    assert why[1].startswith("It would be ") and "training images" in why[1]


def test_names_are_text_and_not_markup(page, digits):
    name = "<img src=x onerror=window.bad=1>.png"
    give(page, "drop", name, digits[2])
    page.locator(".result").wait_for()
    assert page.locator(".file").inner_text() == name
    assert page.evaluate("window.bad") is None


def test_what_the_server_refuses_is_told(browser, server):
    page = browser.new_page()
    page.goto(server.url)
    give(page, "drop", "large.png", bytes(2_000_000))
    told = page.locator("#status.failed", has_text="but expected at most 1,000,000")
    told.wait_for()
    assert page.locator(".result").count() == 0
    page.close()


def test_a_phone_offers_its_camera(browser, page, server):
    assert not page.locator("#camera").is_visible()
    phone = browser.new_page(has_touch=True, is_mobile=True)
    phone.goto(server.url)
    phone.locator("#camera").wait_for(state="visible")
    assert phone.locator("#photograph").get_attribute("capture") == "environment"
    phone.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out(page, digits, width):
    page.set_viewport_size({"width": width, "height": 800})
    give(page, "drop", "long" * 40 + ".png", digits[8])
    page.locator(".result").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
