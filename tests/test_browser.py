"""The site in a real browser: over http and from disk, in light and dark, wide and narrow."""

import io
import re
from pathlib import Path
from urllib.parse import urlparse

import pytest
from browsing import Server, barriers, needs_browser, settle, visit
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
    signs = {"nodeId": root, "selector": "math :is(mi, mo, mn, mtext:not(:has(code)))"}
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


def figure(page):
    return page.locator("[data-figure]").first


def news(page):
    return figure(page).get_by_role("status").inner_text()


def test_a_figure_survives_instant_navigation(site, chromium):
    """The theme navigates instantly only at the address that the site was built for."""
    published = "https://lecture-companion.example/"

    def answer(route):
        route.fulfill(path=site / urlparse(route.request.url).path.lstrip("/"))

    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    context.route(f"{published}**", answer)
    page = context.new_page()
    page.goto(f"{published}index.html")
    page.evaluate("window.sameDocument = true")
    page.locator("article").get_by_role("link", name="5 Convolution", exact=True).click()
    page.wait_for_url("**/convolution/index.html")
    settle(page)
    assert "Add up the products" in news(page)
    page.go_back()
    page.wait_for_url(f"{published}index.html")
    page.go_forward()
    page.wait_for_url("**/convolution/index.html")
    settle(page)
    assert figure(page).locator("table").count() == 3
    assert page.evaluate("window.sameDocument") is True
    context.close()


@pytest.fixture
def stepper(address, chromium):
    with visit(chromium, f"{address}/convolution/index.html") as page:
        yield page
        assert page.said == []


def test_the_stepper_is_used_by_keyboard_alone(stepper):
    stepper.locator(".figure-stage").focus()
    stepper.keyboard.press("Space")
    assert "S(0, 0) = 4." in news(stepper)
    stepper.keyboard.press("ArrowRight")
    stepper.keyboard.press("Tab")
    stepper.keyboard.type("3")
    stepper.keyboard.press("Enter")
    assert "Your prediction is right: S(0, 1) = 3." in news(stepper)
    stepper.keyboard.press("Shift+Tab")
    stepper.keyboard.press("ArrowRight")
    stepper.keyboard.press("ArrowLeft")
    assert "S(0, 1)" in news(stepper)
    first = stepper.get_by_label("Kernel, row 1, column 1")
    first.focus()
    stepper.keyboard.press("ArrowDown")
    assert stepper.evaluate("document.activeElement.ariaLabel") == "Kernel, row 2, column 1"


@pytest.mark.parametrize(
    ("label", "value", "message"),
    [
        ("Stride", "0", "The stride is a whole number from 1"),
        ("Stride", "", "Received: nothing"),
        ("Padding", "-1", "The padding is a whole number from 0"),
        ("Padding", "half", "A number is needed here"),
        ("Kernel side", "7", "The kernel reaches over 7 places"),
        ("Image side", "2", "The kernel reaches over 3 places"),
        ("Image side", "1000", "at most 9"),
        ("Kernel, row 1, column 2", "abc", "A number is needed here. Received: “abc”."),
    ],
)
def test_the_stepper_says_what_is_wrong_and_keeps_its_state(stepper, label, value, message):
    before = stepper.locator(".figure-sum").first.inner_text()
    field = stepper.get_by_label(label, exact=True)
    field.fill(value)
    assert field.get_attribute("aria-invalid") == "true"
    described = field.get_attribute("aria-describedby")
    assert message in stepper.locator(f"#{described}").inner_text()
    assert stepper.locator(".figure-sum").first.inner_text() == before
    field.fill("1" if "row" in label else "3")
    assert stepper.locator(f"#{described}").inner_text() == ""


@pytest.fixture(scope="module")
def drawing(address, chromium):
    with visit(chromium, f"{address}/convnets/index.html") as page:
        page.locator(".figure-pad").scroll_into_view_if_needed()
        yield page
        assert page.said == []


# Strokes on a pad of 100 by 100, as a hand draws them.
STROKES = {
    0: [[(50, 15), (30, 25), (22, 50), (30, 78), (50, 86), (70, 76), (77, 50), (70, 25), (50, 15)]],
    1: [[(50, 12), (49, 50), (48, 88)]],
    2: [[(27, 32), (38, 17), (58, 15), (70, 28), (66, 45), (48, 64), (27, 84), (52, 83), (76, 82)]],
    3: [[(30, 20), (52, 14), (68, 26), (62, 42), (45, 48), (66, 54), (72, 70), (55, 85), (28, 80)]],
    4: [[(36, 14), (27, 52), (72, 52)], [(63, 16), (61, 50), (59, 88)]],
    7: [[(25, 18), (50, 18), (74, 17), (60, 48), (48, 86)]],
}


@pytest.mark.parametrize("digit", STROKES)
def test_a_drawn_digit_is_read(drawing, digit):
    drawing.get_by_role("button", name="Wipe").click()
    box = drawing.locator(".figure-pad").bounding_box()
    for stroke in STROKES[digit]:
        points = [(box["x"] + x * box["width"] / 100, box["y"] + y * box["height"] / 100)
                  for x, y in stroke]  # fmt: skip
        drawing.mouse.move(*points[0])
        drawing.mouse.down()
        for point in points[1:]:
            drawing.mouse.move(*point, steps=4)
        drawing.mouse.up()
    assert f"It reads a {digit} " in news(drawing)


def test_an_empty_pad_is_said_so_and_has_no_answer(drawing):
    drawing.get_by_role("button", name="Wipe").click()
    assert "%" not in drawing.locator(".figure-bars").inner_text()
    drawing.get_by_role("button", name="Read").click()
    assert "no ink" in figure(drawing).get_by_role("alert").first.inner_text()
    drawing.get_by_role("button", name="Show me a 3").click()
    assert figure(drawing).get_by_role("alert").first.inner_text() == ""


def test_a_digit_is_drawn_and_its_maps_are_read_by_keyboard_alone(drawing):
    pad = drawing.locator(".figure-pad")
    pad.focus()
    drawing.keyboard.press("Delete")
    drawing.keyboard.press("Space")
    for _ in range(10):
        drawing.keyboard.press("ArrowDown")
    drawing.keyboard.press("Space")
    assert "It reads a 1 " in news(drawing)
    for layer, side in (("C1", 5), ("S2", 6), ("C3", 14), ("S4", 16)):
        drawing.get_by_label(f"{layer}: ", exact=False).focus()
        drawing.keyboard.press("PageDown")
        drawing.keyboard.press("ArrowRight")
        output = news(drawing)
        assert output.startswith(f"{layer}, map 2, row ")
        first, last = output.split("rows ")[1].split(" and")[0].split(" to ")
        assert int(last) - int(first) + 1 == side
    assert "four values of C3" in drawing.locator(".figure-products").inner_text()
    drawing.get_by_label("C3: ", exact=False).click(position={"x": 30, "y": 20})
    assert "150 products" in drawing.locator(".figure-products").inner_text()


@pytest.fixture
def gates(address, chromium):
    with visit(chromium, f"{address}/memory/index.html") as page:
        yield page
        assert page.said == []


def test_the_gates_are_forced_by_keyboard_alone(gates):
    gates.get_by_role("button", name="Keep the bit").focus()
    gates.keyboard.press("Enter")
    assert "A change of the first input reaches it times" in news(gates)
    gates.get_by_label("keep (f), step 1: forced to 1").focus()
    gates.keyboard.press("ArrowRight")
    assert gates.evaluate("document.activeElement.ariaLabel") == "keep (f), step 2: forced to 1"
    gates.keyboard.press("Space")  # free
    gates.keyboard.press("Space")  # 0
    assert gates.evaluate("document.activeElement.ariaLabel") == "keep (f), step 2: forced to 0"
    assert "the cell holds 0." in news(gates)
    assert "not at all" in news(gates)


def test_a_bad_input_of_the_gates_is_said_and_the_state_kept(gates):
    before = news(gates)
    gates.get_by_label("Input, step 2").fill("x")
    assert "A number is needed" in figure(gates).get_by_role("alert").inner_text()
    assert news(gates) == before
    gates.get_by_label("Input, step 2").fill("0")
    assert figure(gates).get_by_role("alert").inner_text() == ""


@pytest.fixture
def graph(address, chromium):
    with visit(chromium, f"{address}/backprop/index.html") as page:
        yield page
        assert page.said == []


def test_a_graph_is_walked_both_ways_by_keyboard_alone(graph):
    graph.locator(".figure-stage").focus()
    for _ in range(6):  # two nodes forward, four edges back
        graph.keyboard.press("Space")
        graph.keyboard.press("ArrowRight")
    assert "All is known: f is 6" in news(graph)
    proof = figure(graph).get_by_role("table", name="The proof")
    assert [row.split()[-2:] for row in proof.locator("tbody tr").all_inner_texts()] == [
        ["2", "2"],
        ["5", "5"],
    ]


def test_a_wrong_guess_at_an_edge_is_named(graph):
    graph.get_by_role("button", name="All values").click()
    graph.get_by_label("Your guess").fill("3")
    graph.get_by_label("Your guess").press("Enter")
    assert "the slope along one factor is the other factor" in news(graph)
    graph.get_by_role("button", name="Next").click()
    graph.get_by_label("Your guess").fill("3")
    graph.get_by_role("button", name="Reveal").click()
    assert "Your guess is right" in news(graph)


def test_an_expression_that_is_no_graph_is_said_and_the_state_kept(graph):
    graph.get_by_role("button", name="All gradients").click()
    graph.locator("textarea").fill("a / b")
    assert "cannot be read here" in figure(graph).get_by_role("alert").first.inner_text()
    assert "All is known" in news(graph)
    graph.locator("textarea").fill("f = x² + σ(x · y)")
    assert figure(graph).get_by_role("alert").first.inner_text() == ""
    assert "Node 1 of 4" in graph.locator(".figure-sum").inner_text()


def test_the_graph_of_cs826_shows_where_rounding_moved_its_table(graph):
    graph.get_by_role("button", name="CS826").click()
    graph.get_by_role("button", name="All gradients").click()
    moved = figure(graph).get_by_role("table", name="CS826").locator("td.on")
    assert moved.count() == 7
    assert "6.0122 (slide: 6.0123)" in moved.all_inner_texts()
    graph.get_by_role("button", name="Move the weights").click()
    assert "loss goes from 0.11956 to 0.11335" in news(graph)


@pytest.fixture
def walkers(address, chromium):
    with visit(chromium, f"{address}/optimizers/index.html") as page:
        yield page
        assert page.said == []


def test_walkers_start_where_the_ring_is_moved(walkers):
    ring = walkers.get_by_role("button", name="Start at")
    assert "Start at −4, 1." in ring.get_attribute("aria-label")
    ring.focus()
    walkers.keyboard.press("ArrowRight")
    assert "Start at −3.9, 1." in ring.get_attribute("aria-label")
    box = ring.bounding_box()
    walkers.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    walkers.mouse.down()
    walkers.mouse.move(box["x"] + box["width"] / 2 + 60, box["y"] + box["height"] / 2, steps=5)
    walkers.mouse.up()
    moved = re.search(r"Start at −([\d.]+), ", ring.get_attribute("aria-label"))
    assert float(moved[1]) < 3.5
    assert "Height after 60 steps" in news(walkers)


def test_a_tap_moves_the_start_on_a_phone(address, chromium):
    how = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    with visit(chromium, f"{address}/optimizers/index.html", **how) as page:
        walked = page.get_by_role("group", name="Map of heights")
        walked.scroll_into_view_if_needed()
        walked.tap(position={"x": 200, "y": 30})
        assert "Start at −4, 1." not in page.get_by_label("Start at").get_attribute("aria-label")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.said == []


def test_a_rate_that_is_too_large_sends_a_walker_away(walkers):
    figure(walkers).get_by_role("button", name="Too large a rate").click()
    height = re.search(r"Gradient descent: ([\d.]+)", news(walkers))
    assert float(height[1]) > 18  # where it began
    walkers.get_by_label("Rate of Gradient descent").fill("1")
    walkers.get_by_label("Rate of Gradient descent").dispatch_event("change")
    assert "Gradient descent: ran away after" in news(walkers)


def test_bias_correction_is_switched_off_and_on(walkers):
    figure(walkers).get_by_role("button", name="No bias correction").click()
    without = news(walkers)
    box = walkers.get_by_label("Adam corrects its averages for their start")
    assert not box.is_checked()
    box.check()
    assert news(walkers).rpartition("Adam: ")[2] != without.rpartition("Adam: ")[2]


def test_a_stack_of_layers_is_changed_by_keyboard_alone(address, chromium):
    with visit(chromium, f"{address}/gradients/index.html") as page:
        stack = figure(page)
        stack.get_by_role("button", name="Sigmoids").press("Enter")
        assert "they vanish" in news(page)
        stack.get_by_label("Activation", exact=True).select_option("relu")
        stack.get_by_label("Initialization", exact=True).select_option("He")
        assert "they keep their order of size" in news(page)
        depth = stack.get_by_label("Layers", exact=True)
        depth.focus()
        page.keyboard.press("End")
        assert "After 30 layers" in news(page)
        stack.get_by_label("Initialization", exact=True).select_option("large")
        assert "they explode" in news(page)
        stack.get_by_label("Shortcuts").press("Space")
        assert stack.get_by_label("Shortcuts").is_checked()
        assert page.said == []


INTERACTIVE = [
    file.relative_to(DOCS).with_name("index.html" if file.stem == "README" else f"{file.stem}.html")
    for file in sorted(DOCS.rglob("*.md"))
    if "data-figure=" in file.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", INTERACTIVE, ids=str)
def test_every_control_of_a_figure_answers_on_a_phone_in_forced_colours(name, site, chromium):
    how = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    how |= {"forced_colors": "active", "reduced_motion": "reduce"}
    with visit(chromium, (site / name).as_uri(), **how) as page:
        buttons = figure(page).get_by_role("button")
        for number in range(buttons.count()):
            if number < buttons.count() and buttons.nth(number).is_enabled():
                buttons.nth(number).tap()
        for choice in figure(page).locator("select").all():
            for option in choice.locator("option").all():
                if choice.is_visible():
                    choice.select_option(value=option.get_attribute("value"))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.said == []


@pytest.mark.parametrize(
    "folder", sorted({file.parent for file in DOCS.rglob("widget.js")}), ids=str
)
def test_a_figure_is_light(folder):
    """Without what a module of the chapter wrote: what was recorded or learned is data."""
    scripts = [
        file
        for file in folder.glob("*.js")
        if not re.match(r"// .*(wrote it|written by)", file.read_text(encoding="utf-8"))
    ]
    assert sum(file.stat().st_size for file in scripts) < 60_000


def test_nothing_moves_for_who_asked_for_stillness(address, chromium):
    with visit(chromium, f"{address}/convolution/index.html", reduced_motion="reduce") as page:
        cell = page.locator(".figure-grid td.on").first
        assert cell.evaluate("cell => getComputedStyle(cell).transitionDuration") == "0s"
