"""The look: lines read with ease, one palette, terms and slides that answer to every hand."""

import re

import pytest
from browsing import needs_browser, visit
from test_site import ROOT

from companion import catalogue
from companion.plots import inline_svg

pytestmark = [pytest.mark.slow, pytest.mark.site, needs_browser]

# How many characters the full lines of a page's paragraphs hold.
LINES = """[...document.querySelectorAll("article > p")].flatMap((paragraph) => {
  const range = document.createRange();
  const lines = [];
  let top = null;
  const walker = document.createTreeWalker(paragraph, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    if (node.parentElement.closest("math, .md-button")) return [];
    for (let i = 0; i < node.length; i++) {
      range.setStart(node, i);
      range.setEnd(node, i + 1);
      const box = range.getClientRects()[0];
      if (!box) continue;
      if (top === null || box.top > top + 8) lines.push(0), (top = box.top);
      lines[lines.length - 1]++;
    }
  }
  return lines.slice(0, -1);
})"""
# What a slide holds that reaches beyond its edge.
OVER = """(() => {
  const slide = document.querySelector(".slide.shown");
  const edge = slide.getBoundingClientRect();
  const over = (box) =>
    box.right > edge.right + 1 || box.bottom > edge.bottom + 1 || box.left < edge.left - 1;
  return [...slide.querySelectorAll("h1, h2, p, svg, math, ul")]
    .filter((part) => part.getBoundingClientRect().width && over(part.getBoundingClientRect()))
    .map((part) => part.outerHTML.slice(0, 80));
})()"""


def test_lines_hold_65_to_75_characters(address, chromium):
    for name in ("convnets/index.html", "memory/index.html", "neurons/03-losses.html"):
        with visit(chromium, f"{address}/{name}") as page:
            lines = page.evaluate(LINES)
            assert len(lines) > 15
            assert 65 <= sum(lines) / len(lines) <= 75


def test_figures_are_drawn_for_the_page_that_they_stand_on():
    look = (ROOT / "chapters" / "assets" / "look.css").read_text(encoding="utf-8")
    pages = re.findall(r"--md-default-bg-color: (#\w{6});", look)
    inks = re.findall(r"--md-default-fg-color: (#\w{6});", look)
    assert [inline_svg.to_hex(one) for one in (inline_svg.LIGHT, inline_svg.DARK)] == pages
    assert inline_svg.to_hex(inline_svg.NIGHT) == inks[1]


@pytest.mark.parametrize("result", catalogue.discover(), ids=lambda found: found.name)
def test_a_chapter_has_a_picture_in_the_page_s_own_ink(result):
    picture = (result.folder / "picture.svg").read_text(encoding="utf-8")
    assert 'aria-hidden="true"' in picture
    assert "currentColor" in picture
    assert not re.search(r"#[0-9a-f]{3}", picture)
    assert len(picture) < 6000


@pytest.mark.parametrize("width", [390, 1400])
def test_a_term_is_explained_by_mouse_by_touch_and_by_keyboard(address, chromium, width):
    how = {"viewport": {"width": width, "height": 844}, "has_touch": width == 390}
    with visit(chromium, f"{address}/convnets/index.html", **how) as page:
        says = page.locator("#term-says")
        term = page.locator("abbr.term").first
        term.scroll_into_view_if_needed()
        if width == 390:
            term.tap()
        else:
            term.hover()
        assert len(says.inner_text()) > 30
        box = says.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        page.keyboard.press("Escape")
        assert not says.is_visible()
        last = page.locator("abbr.term").last
        last.focus()
        page.keyboard.press("Enter")
        assert last.get_attribute("aria-expanded") == "true"
        page.keyboard.press("Tab")
        assert "In the glossary" in page.evaluate("document.activeElement.textContent")
        page.keyboard.press("Enter")
        page.wait_for_url("**/glossary.html#term-*")
        assert page.locator(":target").count() == 1
        assert page.said == []


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize(
    "name", ["convolution/index.html", "convnets/index.html", "ecg/02-judging-a-detector.html"]
)
def test_slides_show_every_section_and_nothing_overflows(address, chromium, name, width):
    with visit(chromium, f"{address}/{name}", viewport={"width": width, "height": 844}) as page:
        headings = page.locator("article > :is(h1, h2, h3)").count()
        page.keyboard.press("d")
        page.locator(".slides").wait_for()
        total = int(page.locator(".slides-place").inner_text().split(" of ")[1])
        assert headings - 3 <= total <= headings
        for number in range(1, total + 1):
            assert page.locator(".slides-place").inner_text() == f"{number} of {total}"
            over = page.evaluate(OVER)
            assert over == [], page.locator(".slide.shown").inner_text()
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Home")
        assert page.locator(".slides-place").inner_text().startswith("1 of")
        page.keyboard.press("Escape")
        assert not page.locator(".slides").is_visible()
        assert page.said == []


def test_slides_are_printed_one_a_page(address, chromium):
    with visit(chromium, f"{address}/convolution/index.html") as page:
        page.evaluate("window.print = () => { window.printed = true; }")
        page.get_by_role("button", name="As slides").click()
        total = int(page.locator(".slides-place").inner_text().split(" of ")[1])
        page.emulate_media(media="print")
        pdf = page.pdf(landscape=True, format="A4")
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == total


def test_the_front_figure_moves_stops_and_can_be_stepped(address, chromium):
    with visit(chromium, f"{address}/index.html") as page:
        front = page.locator('[data-figure="front"]')
        first = front.locator(".figure-news").inner_text()
        page.wait_for_function(
            "(was) => document.querySelector('.figure-news').textContent !== was", arg=first
        )
        front.get_by_role("button", name="Pause").click()
        here = front.locator(".figure-news").inner_text()
        page.wait_for_timeout(1500)
        assert front.locator(".figure-news").inner_text() == here
        front.get_by_role("button", name="Next").press("Enter")
        assert front.get_by_role("status").inner_text() != here
        assert page.said == []
    with visit(chromium, f"{address}/index.html", reduced_motion="reduce") as page:
        front = page.locator('[data-figure="front"]')
        here = front.locator(".figure-news").inner_text()
        page.wait_for_timeout(1500)
        assert front.locator(".figure-news").inner_text() == here
        assert front.get_by_role("button", name="Play").is_visible()


def test_forced_colours_leave_bars_and_windows_to_be_seen(address, chromium):
    how = {"forced_colors": "active", "reduced_motion": "reduce"}
    with visit(chromium, f"{address}/index.html", **how) as page:
        on = page.locator(".figure-grid td.on").first
        assert on.evaluate("cell => getComputedStyle(cell).outlineStyle") == "solid"
    with visit(chromium, f"{address}/convnets/index.html", **how) as page:
        page.get_by_role("button", name="Show me a 3").click()
        behind = "part => getComputedStyle(part).backgroundColor"
        bar = page.locator(".figure-bar").first.evaluate(behind)
        assert bar not in (page.locator("body").evaluate(behind), "rgba(0, 0, 0, 0)")


@pytest.mark.parametrize("from_disk", [False, True])
def test_a_slip_of_the_finger_finds_the_lesson(address, site, chromium, from_disk):
    base = site.as_uri() if from_disk else address
    with visit(chromium, f"{base}/index.html") as page:
        page.keyboard.press("/")
        page.keyboard.type("dropuot")
        first = page.locator(".md-search-result__item a").first
        first.wait_for()
        assert "/regularization/02-" in first.get_attribute("href")
        assert [url for url in page.asked if not url.startswith(base)] == []
        assert page.said == []
