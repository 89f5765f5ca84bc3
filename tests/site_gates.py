"""The gates of the site: each reads what was built, or the code, and names all that is wrong."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

import griffe

# TeX in the text of a page: a formula that nobody typeset.
TEX = re.compile(r"\$[^$\n]+\$|\\[(\[]|\\[a-z]+\{")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Page(HTMLParser):
    """What the gates need to know of one page.

    Attributes:
        ids: Every anchor.
        links: Where its links lead.
        assets: The files that it loads.
        navigation: Where the links of its navigation lead.
        formulas: How many it has.
        tex: Formulas that were left as they were written.
        unsaid: Pictures of the article that have no text.
    """

    def __init__(self, file):
        super().__init__()
        self.ids, self.links, self.assets, self.navigation = set(), [], [], []
        self.formulas, self.tex, self.unsaid = 0, [], []
        self._open = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids.update(filter(None, [given.get("id"), tag == "a" and given.get("name")]))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
            if "md-nav__link" in (given.get("class") or ""):
                self.navigation.append(given["href"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.assets.append(given["href"])
        if tag in ("script", "img", "source", "iframe") and given.get("src"):
            self.assets.append(given["src"])
        # The scripts of an interactive figure, loaded by assets/book.js
        self.assets += (given.get("data-scripts") or "").split()
        self._look_at_picture(tag, given)
        self.formulas += tag == "math"
        if tag not in VOID:
            self._open.append((tag, given))

    def _look_at_picture(self, tag, given):
        if not any(name == "article" for name, _ in self._open):
            return
        around = any(
            other.get("aria-label") for _, other in self._open if other.get("role") == "img"
        )
        if tag == "img" and not given.get("alt"):
            self.unsaid.append(f"<img src={given.get('src')!r}>")
        if tag in ("svg", "canvas") and not (around or given.get("aria-label")):
            self.unsaid.append(f"<{tag}>")

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        tags = {name for name, _ in self._open}
        if "article" in tags and not tags & {"code", "pre", "script"}:
            self.tex += TEX.findall(data)


def pages(site):
    """Every page of a built site, by its path within it."""
    return {str(file.relative_to(site)): Page(file) for file in sorted(site.rglob("*.html"))}


def formulas_left_as_tex(site):
    """Formulas that stand on a page as they were written."""
    return [f"{name}: {tex}" for name, page in pages(site).items() for tex in page.tex]


def pictures_without_text(site):
    """Pictures of an article that say nothing to who cannot see them."""
    return [f"{name}: {picture}" for name, page in pages(site).items() for picture in page.unsaid]


def missing_assets(site):
    """Scripts, styles, fonts and pictures that are asked for and not there."""
    missing = [
        f"{name}: {asset}"
        for name, page in pages(site).items()
        for asset in page.assets
        if (target := _local(site, name, asset)) and not target[0].is_file()
    ]
    for style in site.rglob("*.css"):
        for asset in re.findall(r"url\(['\"]?([^)'\"]+)", style.read_text(encoding="utf-8")):
            name = str(style.relative_to(site))
            if (target := _local(site, name, asset)) and not target[0].is_file():
                missing.append(f"{name}: {asset}")
    return missing


def dead_links(site):
    """Links to a page or an anchor of the site that is not there."""
    found = pages(site)
    dead = []
    for name, page in found.items():
        for link in page.links:
            target = _local(site, name, link)
            if not target:
                continue
            file, anchor = target
            if not file.is_file():
                dead.append(f"{name}: {link}")
            elif anchor and file.suffix == ".html":
                ids = found[str(file.relative_to(site))].ids
                if anchor not in ids and anchor != "__top":
                    dead.append(f"{name}: {link}: no such place on that page")
    return dead


def pages_nothing_leads_to(site):
    """Pages that neither the navigation nor a page in it leads to."""
    found = pages(site)

    def targets(name, links):
        local = (_local(site, name, link) for link in links)
        return {str(target[0].relative_to(site)) for target in local if target}

    listed = {"index.html"} | targets("index.html", found["index.html"].navigation)
    led_to = listed.union(*(targets(name, found[name].links) for name in listed & set(found)))
    return [name for name in found if name not in led_to | {"404.html"}]


def _local(site, name, link):
    """The file and the anchor that a link of the page `name` means; None where it leads off."""
    address, anchor = urldefrag(link)
    if re.match(r"[a-z][a-z0-9+.-]*:|//", address):
        return None
    address = unquote(address.split("?")[0])
    base = site if address.startswith("/") else (site / name).parent
    file = (base / address.lstrip("/")).resolve() if address else site / name
    return (file / "index.html" if file.is_dir() else file), unquote(anchor)


def wrong_docstrings(package, folder):
    """Arguments that a docstring describes and that its function does not take."""
    loaded = griffe.load(package, search_paths=[str(folder)], docstring_parser="google")
    return [complaint for owner in _documented(loaded) for complaint in _unknown(owner)]


def _documented(owner):
    for member in owner.members.values():
        if member.is_alias:
            continue
        if member.is_function or member.is_class:
            yield member
        if member.is_module or member.is_class:
            yield from _documented(member)


def _unknown(owner):
    if not owner.docstring:
        return
    sections = griffe.parse_google(owner.docstring, warnings=False)
    taken = {parameter.name.lstrip("*") for parameter in owner.parameters}
    if owner.is_class:
        # A layer's docstring may describe what its call takes.
        called = owner.members.get("call")
        taken |= set(owner.members) | {
            parameter.name for parameter in getattr(called, "parameters", ())
        }
    for section in sections:
        if section.kind is griffe.DocstringSectionKind.parameters:
            for described in section.value:
                if described.name.lstrip("*") not in taken:
                    yield f"{owner.path} takes no argument {described.name!r}"


SITE_GATES = (
    formulas_left_as_tex,
    pictures_without_text,
    missing_assets,
    dead_links,
    pages_nothing_leads_to,
)
