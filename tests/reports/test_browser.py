"""The page in a real browser; run with -m browser, see CONTRIBUTING.md."""

import re

import numpy as np
import pytest

from featx.reports import save_run
from featx.reports.album import cells

pytestmark = pytest.mark.browser
NASTY = ("<img src=x onerror=window.bad=1>", "a \"quoted\" & 'name'", "наблюдение 観察")


@pytest.fixture(scope="module")
def saved(build, tmp_path_factory):
    dataset, results = build(NASTY, per_class=60)
    folder = tmp_path_factory.mktemp("browser")
    save_run(results, dataset, folder, "featx bench toys")
    return folder, results


@pytest.fixture
def page(browser, saved):
    told, asked = [], []
    page = browser.new_page()
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"file://{saved[0]}/report.html")
    yield page
    assert told == []
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert sum(url.startswith("file:") for url in asked) == 1
    page.close()


def test_it_opens_without_a_word_and_runs_nothing_foreign(page):
    assert page.title().startswith("toys")
    assert page.evaluate("window.bad") is None
    assert page.locator("img[src=x]").count() == 0
    heads = page.locator("details.row[open] .cm tbody th").all_text_contents()
    assert heads == list(NASTY)


def test_the_table_sorts(page):
    table = page.locator("#table table")
    first = table.locator("tbody tr").first
    assert "conv" in first.text_content()
    for column in ("accuracy %", "features", "encoder"):
        button = table.get_by_role("button", name=column)
        seen = []
        for _ in range(2):
            button.click()
            head = button.locator("xpath=..")
            index = head.evaluate("e => e.cellIndex")
            cells = table.locator("tbody tr").evaluate_all(
                f"rows => rows.map(r => r.cells[{index}].dataset.v"
                f" ?? r.cells[{index}].textContent)"
            )
            seen.append((head.get_attribute("aria-sort"), cells))
        assert {order for order, _ in seen} == {"ascending", "descending"}
        for order, cells in seen:
            values = [float(c) if c.replace(".", "").isdigit() else c for c in cells]
            assert values == sorted(values, reverse=order == "descending")


def test_a_cell_shows_exactly_its_images(page, saved):
    folder, results = saved
    for number, name in enumerate(["conv + svm", "pca + svm", "raw + svm"]):
        details = page.locator(f"#row-{number}")
        assert name in details.locator("summary").text_content()
        details.evaluate("e => e.open = true")
        details.locator(".cm").wait_for()
        with np.load(folder / "predictions.npz") as arrays:
            y, said = arrays["y_true"], arrays[f"pred/{name.replace(' + ', '+')}"]
        for t in range(3):
            for p in range(3):
                behind = np.flatnonzero((y == t) & (said == p))
                cell = details.locator(f'td[data-t="{t}"][data-p="{p}"]')
                assert cell.text_content() == (str(len(behind)) if len(behind) else "")
                if not len(behind):
                    continue
                cell.click()
                assert cell.get_attribute("aria-selected") == "true"
                shown = details.locator(".gallery li").evaluate_all(
                    "items => items.map(item => Number(item.dataset.test))"
                )
                assert set(shown) <= set(behind.tolist())
                assert shown == cells(results, name)[t, p][:24].tolist()


def test_a_tile_shows_its_image(page, build):
    dataset, _ = build(NASTY, per_class=60)
    page.locator("#row-0 .cm td[data-n]:not(.d)").first.click()
    item = page.locator("#row-0 .gallery li").first
    row = int(item.get_attribute("data-test"))
    picture = item.locator(".tile")
    seen = picture.evaluate(
        """async tile => {
        const style = getComputedStyle(tile);
        const image = new Image();
        image.src = style.backgroundImage.slice(5, -2);
        await image.decode();
        const zoom = parseFloat(style.backgroundSize) / image.width;
        const [x, y] = style.backgroundPosition.split(' ').map(v => -parseFloat(v) / zoom);
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [8, 8];
        const context = canvas.getContext('2d');
        context.drawImage(image, x, y, 8, 8, 0, 0, 8, 8);
        return [...context.getImageData(0, 0, 8, 8).data];
        }"""
    )
    pixels = np.array(seen, np.uint8).reshape(8, 8, 4)[..., :3]
    np.testing.assert_array_equal(pixels, dataset.test.X[row])


def test_the_keyboard_reaches_every_control(page):
    wanted = page.evaluate(
        """() => [...document.querySelectorAll(
        'a[href], button, select, summary, [tabindex="0"]')]
        .filter(e => e.checkVisibility()).length"""
    )
    reached = set()
    for _ in range(3 * wanted):
        page.keyboard.press("Tab")
        at = page.evaluate(
            """() => { const e = document.activeElement;
            const all = [...document.querySelectorAll('*')];
            return e === document.body ? -1 : all.indexOf(e); }"""
        )
        if at in reached and at != -1 and len(reached) >= wanted:
            break
        reached.add(at)
    assert len(reached - {-1}) >= wanted


def test_the_matrix_by_keyboard(page):
    page.locator("#row-0 .cm td").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    cell = page.locator("#row-0 td[aria-selected=true]")
    assert cell.get_attribute("data-p") == "1" and cell.get_attribute("data-t") == "0"
    assert "taken for" in page.locator("#row-0 .gallery h4").text_content()


def test_the_map_by_keyboard_and_pointer(page):
    page.locator("#points").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#hover").is_visible()
    assert page.locator("#map-status").text_content().split(",")[0] in NASTY
    page.locator("#points > use").nth(3).hover(force=True)
    assert page.locator("#hover .tile").count() == 1
    page.locator("#map-class").select_option("1")
    shown = page.locator("#points > use.on").count()
    assert 0 < shown < page.locator("#points > use").count()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_sideways_scrolling_and_readable_text(page, width, theme):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    page.locator("#row-0 .cm td[data-n]").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colors = page.evaluate(
        "['--fg', '--faint', '--accent', '--wrong', '--bg'].map(name =>"
        "getComputedStyle(document.documentElement).getPropertyValue(name).trim())"
    )

    def luminance(color):
        digits = color[1:] if len(color) == 7 else "".join(2 * c for c in color[1:])
        rgb = np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
        return brightness(rgb)

    def brightness(rgb):
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    *texts, ground = map(luminance, colors)
    for text in texts:
        high, low = max(text, ground), min(text, ground)
        assert (high + 0.05) / (low + 0.05) >= 4.5  # WCAG 2, level AA

    # and the counts on the strongest colors that cells can have
    for kind in ("td.d", "td:not(.d):not(.none)"):
        seen = page.locator(f"#row-0 .cm {kind}").first.evaluate(
            """cell => {
            cell.style.setProperty('--p', cell.classList.contains('d') ? 0.7 : 1);
            return [cell, document.body].map(e => getComputedStyle(e))
                .flatMap((style, i) => i ? [style.backgroundColor, style.color]
                                         : [style.backgroundColor]); }"""
        )
        cell, body, ink = (
            np.array([float(x) for x in re.findall(r"[\d.]+", text)]) for text in seen
        )
        share = cell[3] if len(cell) > 3 else 1.0
        mixed = brightness((share * cell[:3] + (1 - share) * body[:3]) / 255)
        high, low = sorted((mixed, brightness(ink[:3] / 255)))[::-1]
        assert (high + 0.05) / (low + 0.05) >= 4.5, (kind, theme)


def test_the_theme_button(page):
    for name in ("light", "dark", "auto"):
        page.locator("#theme").click()
        assert name in page.locator("#theme").text_content()
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(21, 24, 27)") == (name == "dark")


def test_a_link_opens_its_row(page):
    page.locator("#table td a").nth(1).click()
    assert page.locator("#row-1").evaluate("e => e.open")
    page.locator("#row-1 .cm").wait_for()
