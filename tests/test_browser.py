"""The site in a real browser: over http and from disk, in light and dark, wide and narrow."""

import io
import re
from pathlib import Path

import pytest
from browsing import Server, barriers, needs_browser, visit
from mkdocs.utils.yaml import yaml_load
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.site, needs_browser]
# Kilobytes, uncompressed, of all that a page loads until a reader has come to its end: HTML, the
# theme's scripts and styles, fonts, figures.
ARTICLE, WIDGET_PAGE = 700, 1100
# How large each figure is shown; its text, ten points high, must be read on a phone too.
PIXELS_PER_POINT = """[...document.querySelectorAll(".panel svg")].map(
  (svg) => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width
)"""
# Figures of which a part is to be scrolled sideways.
SIDEWAYS = """[...document.querySelectorAll(".panel")]
  .filter((panel) => panel.scrollWidth > panel.clientWidth + 1)
  .map((panel) => panel.closest("figure").id)"""
# The words of figures, their ink, and where they stand on the page, as far as they are seen.
WORDS = """[...document.querySelectorAll(":is(.panel, [data-figure]) text")].flatMap((text) => {
  const frame = text.closest(".panel, [data-figure]").getBoundingClientRect();
  return (text.children.length ? [...text.children] : [text]).map((part) => {
    const here = part.getBoundingClientRect();
    return [part.textContent, getComputedStyle(part).fill,
            Math.max(here.left, frame.left), here.top + scrollY,
            Math.min(here.right, frame.right), here.bottom + scrollY];
  });
})"""
# Of signs and letters of formulas that look alike, one each bears a mark; answers are open.
MARK_SIGNS = """document.querySelectorAll("details").forEach((one) => { one.open = true; });
[...document.querySelectorAll("math :is(mi, mo, mn, mtext:not(:has(code)))")]
  .reduce((known, sign) => {
    const style = getComputedStyle(sign);
    const look = [sign.textContent, sign.tagName, style.fontFamily, style.fontStyle,
                  style.fontWeight, style.mathDepth].join();
    known.has(look) || sign.setAttribute("data-sign", "");
    return known.add(look);
  }, new Set()).size"""
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "chapters"


def page_names():
    """The path of every page, as the site will have it."""
    excluded = yaml_load((ROOT / "mkdocs.yml").read_text("utf-8"))["exclude_docs"].split()
    for file in sorted(DOCS.rglob("*.md")):
        if f"/{file.relative_to(DOCS)}" in excluded:
            continue
        name = "index.html" if file.name == "README.md" else f"{file.stem}.html"
        yield file.relative_to(DOCS).with_name(name).as_posix()


PAGES = list(page_names())


def read_to_the_end(page):
    """Scroll down as a reader does, and wait for whatever comes."""
    page.evaluate(
        """async () => {
          for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) {
            scrollTo(0, y);
            await new Promise(requestAnimationFrame);
          }
        }"""
    )
    page.wait_for_load_state("networkidle")


def fonts_of_formulas(page):
    """The names of the fonts that the browser sets a page's formulas in, signs and letters."""
    tools = page.context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        tools.send(f"{domain}.enable")
    root = tools.send("DOM.getDocument")["root"]["nodeId"]
    page.evaluate(MARK_SIGNS)
    signs = {"nodeId": root, "selector": "[data-sign]"}
    return {
        font["familyName"]
        for sign in tools.send("DOM.querySelectorAll", signs)["nodeIds"]
        for font in tools.send("CSS.getPlatformFontsForNode", {"nodeId": sign})["fonts"]
    }


def luminance(colour):
    """Relative luminance of red, green and blue from 0 to 255 (WCAG 2.2)."""
    parts = [one / 255 for one in colour]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def faint_words(page):
    """Words of figures with a contrast below 4.5 to what is seen behind them."""
    faint = []
    hidden = ":is(.panel, [data-figure]) text { visibility: hidden } .md-header { display: none }"
    page.add_style_tag(content=hidden)
    words = page.evaluate(WORDS)
    if not words:
        return []
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    for text, fill, left, top, right, bottom in words:
        if not text.strip() or left + 1 > right:
            continue
        here = picture.crop([round(side) for side in (left, top, right, bottom)])
        _, behind = max(here.getcolors(here.width * here.height))
        *ink, share = [*map(float, re.findall(r"[\d.]+", fill)), 1.0][:4]
        ink = [share * one + (1 - share) * other for one, other in zip(ink, behind, strict=True)]
        low, high = sorted([luminance(ink), luminance(behind)])
        if (high + 0.05) / (low + 0.05) < 4.5:
            faint.append(f"{text!r}: {fill} on {behind}")
    return faint


@pytest.mark.parametrize("name", PAGES)
def test_a_page_over_http(name, address, chromium, axe):
    Server.sent.clear()
    with visit(chromium, f"{address}/{name}", color_scheme="light") as page:
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert [url for url in page.asked if not url.startswith(address)] == []
        assert barriers(page, axe) == []
        assert page.said == []

        mathematics = page.locator("math").count() > 0
        assert any("companion-math" in url for url in page.asked) == mathematics
        assert fonts_of_formulas(page) == ({"Companion Math"} if mathematics else set())

        read_to_the_end(page)
        limit = WIDGET_PAGE if page.locator("[data-figure]").count() else ARTICLE
        assert {f"/{name}", "/assets/site.css"} <= {path for path, _ in Server.sent}
        assert sum(size for _, size in Server.sent) <= 1000 * limit
        assert faint_words(page) == []

    with visit(chromium, f"{address}/{name}", color_scheme="dark") as page:
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        assert barriers(page, axe) == []
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert all(pixels > 0.84 for pixels in page.evaluate(PIXELS_PER_POINT))
        assert page.evaluate(SIDEWAYS) == []
        assert faint_words(page) == []
        assert page.said == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_from_disk(name, site, chromium):
    with visit(chromium, (site / name).as_uri(), color_scheme="dark") as page:
        assert [url for url in page.asked if not url.startswith("file:")] == []
        assert page.said == []


def test_search_finds_padding_and_waits_until_it_is_sought(address, chromium):
    with visit(chromium, f"{address}/index.html") as page:
        page.wait_for_load_state("networkidle")
        assert not any("search_index" in url or "/workers/" in url for url in page.asked)
        page.keyboard.press("/")
        page.keyboard.type("padding")
        page.locator(".md-search-result__item", has_text="Padding").first.wait_for()
        assert page.said == []


@pytest.mark.parametrize("from_disk", [False, True])
def test_a_lesson_can_be_taken_along_as_a_notebook(address, site, chromium, tmp_path, from_disk):
    import nbformat

    base = site.as_uri() if from_disk else address
    with visit(chromium, f"{base}/convolution/index.html") as page:
        with page.expect_download() as coming:
            page.get_by_text("as a Jupyter notebook").click()
        coming.value.save_as(tmp_path / coming.value.suggested_filename)
        assert page.said == []
        taken = nbformat.read(tmp_path / "convolution.ipynb", as_version=4)
        assert taken.cells[0].source.startswith("# Convolution")
