"""An interactive figure alone on a page, in the site's styles, without the site being built."""

import contextlib
import importlib.util
import json
import re
from pathlib import Path

CHAPTERS = Path(__file__).parents[1] / "chapters"
FIGURE = re.compile(r'<div data-figure="([\w-]+)" data-scripts="([^"]+)"')
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}

# The words that are seen in a figure, each with its ink and what lies behind it.
WORDS = """() => {
  const behind = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      layers.push(getComputedStyle(one).backgroundColor);
    }
    return [...layers, "rgb(255, 255, 255)"];
  };
  const walker = document.createTreeWalker(
    document.querySelector("[data-figure]"), NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = element.closest("svg") ? style.fill : style.color;
    found.push([walker.currentNode.data, ink, behind(element), parseFloat(style.fontSize)]);
  }
  return found;
}"""


def figures():
    """Every interactive figure: the folder of its chapter, and the scripts that its page names."""
    return {
        name: (page.parent, scripts.split())
        for page in sorted(CHAPTERS.glob("*/*.md"))
        for name, scripts in FIGURE.findall(page.read_text(encoding="utf-8"))
    }


def data_of(script):
    """What a script of the form `const name = …;` holds."""
    return json.loads(script.read_text(encoding="utf-8").partition("= ")[2].rstrip().rstrip(";"))


@contextlib.contextmanager
def shown(chromium, folder, name, scheme="default", **how):
    """A page with one figure, from disk; nothing may be amiss on it, and nothing sideways."""
    import material

    styles = Path(material.__file__).parent / "templates" / "assets" / "stylesheets"
    chapter, scripts = figures()[name]
    sheets = [*styles.glob("main.*.css"), *styles.glob("palette.*.css"),
              CHAPTERS / "assets" / "site.css"]  # fmt: skip
    links = "".join(f'<link rel="stylesheet" href="{one.as_uri()}">' for one in sheets)
    file = folder / f"{name}.html"
    file.write_text(
        f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>
        <meta name="viewport" content="width=device-width">{links}
        <body data-md-color-scheme="{scheme}" data-md-color-primary="indigo">
        <main class="md-typeset" style="box-sizing: border-box; margin: 0 auto; width: 100%;
                                        max-width: 46rem; padding: 0 .8rem">
        <h1>{name}</h1>
        <div data-figure="{name}"
             data-scripts="{" ".join((chapter / one).as_uri() for one in scripts)}"></div></main>
        <script src="{(CHAPTERS / "assets" / "book.js").as_uri()}"></script></body></html>""",
        encoding="utf-8",
    )
    context = chromium.new_context(**{"viewport": {"width": 1400, "height": 900}, **how})
    page, messages = context.new_page(), []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_selector(".figure-news")
    yield page
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert messages == []
    context.close()


def news(page):
    """What the figure last announced."""
    return page.locator(".figure-news").first.inner_text()


def drag(page, drawing, begin, end):
    """Drag with the mouse from one share of a drawing's width to another."""
    box = drawing.bounding_box()
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + begin * box["width"], height)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], height, steps=5)
    page.mouse.up()


def colour(written):
    """Red, green, blue and opacity of a colour as the browser writes it."""
    *parts, share = [*map(float, re.findall(r"[\d.]+", written.replace("srgb", ""))), 1.0][:4]
    return [255 * one if "srgb" in written else one for one in parts] + [share]


def over(ink, ground):
    """What is seen of a colour, opaque or not, over an opaque one."""
    *parts, share = colour(ink)
    return [share * one + (1 - share) * other for one, other in zip(parts, ground, strict=True)]


def barriers(page):
    """What axe, which looks for what keeps people out, finds in a figure."""
    package = importlib.util.find_spec("axe_playwright_python")
    page.evaluate((Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8"))
    # Nothing is fetched: from disk a page may not read its own styles.
    report = page.evaluate("axe.run(document.querySelector('[data-figure]'), {preload: false})")
    return [(one["id"], [node["target"] for node in one["nodes"]]) for one in report["violations"]]


def luminance(parts):
    """Relative luminance (WCAG 2.2) of red, green and blue."""
    parts = [one / 255 for one in parts]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def faint_words(page):
    """Words of a figure with a contrast below 4.5 to what lies behind them, or too small."""
    faint = []
    for words, ink, layers, size in page.evaluate(WORDS):
        ground = [255.0, 255.0, 255.0]
        for layer in reversed(layers):
            ground = over(layer, ground)
        low, high = sorted([luminance(over(ink, ground)), luminance(ground)])
        if (high + 0.05) / (low + 0.05) < 4.5 or size < 9:
            faint.append((words, ink, layers[:3], size))
    return faint
