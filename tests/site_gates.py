"""The gates of the site: each reads what was built, or the code, and names all that is wrong."""

import ast
import csv
import re
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

import griffe

from companion import data_files
from companion.lesson import FENCE, without_code

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
        decoration = given.get("aria-hidden") == "true"
        if tag in ("svg", "canvas") and not (around or decoration or given.get("aria-label")):
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
    built = pages(site)
    dead = []
    for name, page in built.items():
        for link in page.links:
            target = _local(site, name, link)
            if not target:
                continue
            file, anchor = target
            if not file.is_file():
                dead.append(f"{name}: {link}")
            elif anchor and file.suffix == ".html":
                ids = built[str(file.relative_to(site))].ids
                if anchor not in ids and anchor != "__top":
                    dead.append(f"{name}: {link}: no such place on that page")
    return dead


def pages_nothing_leads_to(site):
    """Pages that neither the navigation nor a page in it leads to."""
    built = pages(site)

    def targets(name, links):
        local = (_local(site, name, link) for link in links)
        return {str(target[0].relative_to(site)) for target in local if target}

    listed = {"index.html"} | targets("index.html", built["index.html"].navigation)
    led_to = listed.union(*(targets(name, built[name].links) for name in listed & set(built)))
    return [name for name in built if name not in led_to | {"404.html"}]


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


# What follows reads the pages as they are written: files in the folder of a chapter, in order.

WORDS = 3500
MARK = re.compile(r"<!-- *(.*?) *-->", re.DOTALL)
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
ADDRESS = re.compile(r"\]\(https?://")
# In a formula, what stands for something that notation.md writes otherwise.
LETTERS = {
    r"(?<!\\sum)(?<!\\prod)_\{?t\b": "time is a superscript: h^{(t)}",
    r"(?<!\\sum)(?<!\\prod)_\{?l\b": "a layer is a superscript: W^{[l]}",
    r"[A-Za-z}]\^\{?\((?:l|L)\b": "a layer stands in square brackets: W^{[l]}",
    r"\\(?:circ|otimes|bullet)\b": "element by element is \\odot",
    r"\\ast\b": "cross-correlation is \\star, true convolution *",
    r"\\phi\b": "features are \\varphi",
    r"\\mathcal": "the loss is L, or E as in Intro to ML",
}


def _at(file, text, offset, advice):
    """A complaint: the page, its line, and what to do."""
    return f"{file.parent.name}/{file.name}:{text.count(chr(10), 0, offset) + 1}: {advice}"


def _read(files):
    for file in files:
        text = file.read_text(encoding="utf-8")
        yield file, text, without_code(text)


def headings_without_an_id(files):
    """Headings that cannot be linked to by a name of their own."""
    return [
        _at(file, prose, match.start(), f"give it an id: {match[0]} {{#…}}")
        for file, _, prose in _read(files)
        for match in re.finditer(r"^#{1,6} .*$", prose, re.MULTILINE)
        if not re.search(r"\{ *#[a-z0-9-]+ *\}$", match[0])
    ]


def ids_given_twice(files):
    """Ids that two headings of the book bear."""
    heading = re.compile(r"^#{1,6} .*\{ *#([\w-]+) *\}$", re.MULTILINE)
    given = [
        (match[1], _at(file, prose, match.start(), f"another heading bears {match[1]!r} too"))
        for file, _, prose in _read(files)
        for match in heading.finditer(prose)
    ]
    times = Counter(name for name, _ in given)
    return [complaint for name, complaint in given if times[name] > 1]


def links_to_a_page_instead_of_an_id(files):
    """Links to a place on another page: they break when that page is split."""
    return [
        _at(file, prose, match.start(), f"link to the heading's id, [text][id]: {match[0]}")
        for file, _, prose in _read(files)
        for match in re.finditer(r"\]\((?!https?:)[^)\s]*\.md#[^)]*\)", prose)
    ]


def marks_of_nothing(files):
    """Marks that name no record, no slide or no source, and comments that are no mark."""
    with (data_files.data_folder() / "slides.csv").open(encoding="utf-8", newline="") as opened:
        slides = {row[0] for row in csv.reader(opened)}
    complaints = []
    for file, _, prose in _read(files):
        for match in MARK.finditer(prose):
            kind, _, named = match[1].partition(":")
            unknown = {
                "from": [
                    n
                    for n in re.split(r"[,\s]+", named.strip())
                    if not data_files.recorded(n).is_file()
                ],
                "slide": [n for n in re.split(r"[,\s]+", named.strip()) if n not in slides],
                "source": [],
                "is": [],
            }.get(kind, [kind])
            if unknown or not named.strip():
                advice = "a mark is from: RECORD, source: WORK, is: EXPRESSION, slide: ROW."
                complaints.append(_at(file, prose, match.start(), f"{advice} Received: {match[0]}"))
    return complaints


def pages_too_long(files):
    """Pages of more than 3,500 words, code and formulas not counted."""
    lengths = {
        file: len(FORMULA.sub(" ", MARK.sub(" ", prose)).split()) for file, _, prose in _read(files)
    }
    return [
        f"{file.parent.name}/{file.name}: split it. {count} words are more than {WORDS}."
        for file, count in lengths.items()
        if count > WORDS
    ]


def missing_parts(files):
    """What the last page of a chapter lacks of the parts that end every chapter."""
    file, text, _ = list(_read(files))[-1]
    chapter, location = file.parent.name, f"{file.parent.name}/{file.name}"
    parts = dict(re.findall(r"^## ([^\n{]+?) *(?:\{[^\n]*)?\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    questions = len(re.findall(r'^\?\?\? question "', parts.get("Ask yourself", ""), re.M))
    lines = len(re.findall(r"^- ", parts.get("In short", ""), re.M))
    works = re.split(r"^- ", parts.get("What to read next", ""), flags=re.M)[1:]
    asked = {
        f'"## In short" with five points; it has {lines}': lines == 5,
        f'"## Ask yourself" with five folded questions; it has {questions}': questions == 5,
        f'"## Exercises" with pages.exercises("{chapter}")': f'pages.exercises("{chapter}")'
        in parts.get("Exercises", ""),
        '"## What to read next" at its end': list(parts)[-1:] == ["What to read next"],
    }
    complaints = [
        f"{location}: the chapter ends with {part}" for part, there in asked.items() if not there
    ]
    unlinked = [
        work.split("*")[1] if "*" in work else work for work in works if not ADDRESS.search(work)
    ]
    return complaints + [f"{location}: give a DOI or arXiv link for {work!r}" for work in unlinked]


def exercises_out_of_place(files, names):
    """Exercises that stand on no page of their chapter, or on more than one place."""
    text = "".join(text for _, text, _ in _read(files))
    chapter = files[0].parent.name
    times = Counter(re.findall(r'pages\.exercise\(\s*"([\w.]+)"', text))
    return [
        f'{chapter}: print(pages.exercise("{chapter}.{name}")) where it belongs, once; '
        f"it is there {times[f'{chapter}.{name}']} times"
        for name in names
        if times[f"{chapter}.{name}"] != 1
    ]


def other_letters(files):
    """Letters of formulas that the page of notation writes otherwise; a deck's own are quoted."""
    complaints = []
    for file, _, prose in _read(files):
        for formula in FORMULA.finditer(prose):
            begin, end = prose.rfind("\n\n", 0, formula.start()), prose.find("\n\n", formula.end())
            if re.search(r"\bwrites?\b", prose[max(begin, 0) : end]):
                continue
            for pattern, advice in LETTERS.items():
                if match := re.search(pattern, formula[0]):
                    offset = formula.start() + match.start()
                    complaints.append(_at(file, prose, offset, f"{match[0]}: {advice}"))
    return complaints


GREEK = (
    r"\\(?:alpha|beta|gamma|delta|epsilon|varepsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|pi|rho"
    r"|sigma|tau|phi|varphi|chi|psi|omega|ell|Gamma|Delta|Theta|Lambda|Sigma|Phi|Psi|Omega)\b"
)


def letters_in(tex):
    r"""The letters of a formula; words and indices are none.

    >>> sorted(letters_in(r"\tilde h_t = \tanh(W_f x + \text{a word}) \cdot \eta"))
    ['W', '\\eta', 'h', 'x']
    """
    tex = re.sub(r"\\(?:text|operatorname|mathrm|begin|end)\*?\{[^}]*\}", " ", tex)
    greek = set(re.findall(GREEK, tex))
    tex = re.sub(r"\\[A-Za-z]+|_\{?[A-Za-z]+\}?", " ", tex)
    return greek | set(re.findall(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", tex))


def letters_nobody_introduced(files):
    """Letters of formulas that neither the page of notation has nor their page has by themselves.

    A page introduces a letter of its own where it stands alone: ``among $K$ classes``.
    """
    notation = data_files.data_folder().parent / "chapters" / "notation.md"
    known = letters_in(" ".join(FORMULA.findall(notation.read_text(encoding="utf-8"))))
    complaints = []
    for file, _, prose in _read(files):
        formulas = list(FORMULA.finditer(MARK.sub(" ", prose)))
        alone = {
            letter
            for formula in formulas
            if len(letters := letters_in(formula[0])) == 1 and "=" not in formula[0]
            for letter in letters
        }
        for letter in sorted({one for formula in formulas for one in letters_in(formula[0])}):
            if letter not in known | alone:
                offset = next(one.start() for one in formulas if letter in letters_in(one[0]))
                advice = f"${letter}$ is not on the page of notation: say there what it is"
                complaints.append(_at(file, prose, offset, advice))
    return complaints


# What a matrix of weights meets in from-scratch code: U an input, W a state.
MEETS = {"U": r"\bh\b|state|memory", "W": r"\bx\b|inputs?\b"}


def matrices_turned_round(file):
    """Products in which U meets a state or W an input, in code that has both letters."""
    text = file.read_text(encoding="utf-8")
    products = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
    ]
    sides = [(node, ast.unparse(node.left), ast.unparse(node.right)) for node in products]
    named = re.compile(r"(?<![A-Za-z])([UW])(?![A-Za-z])")
    used = {letter for _, *both in sides for side in both for letter in named.findall(side)}
    complaints = []
    for node, left, right in sides:
        for one, other in ((left, right), (right, left)):
            for letter in named.findall(one) if used == {"U", "W"} else ():
                if not named.search(other) and re.search(MEETS[letter], other):
                    where = f"{file.parent.name}/{file.name}:{node.lineno}"
                    complaints.append(f"{where}: {letter} meets {other}: U is for inputs, W for h")
    return complaints


def included_otherwise(files):
    """Code that is shown in another way than by `pages.code`."""
    return [
        _at(file, text, match.start(), "show it by pages.code")
        for file, text, _ in _read(files)
        for match in FENCE.finditer(text)
        if "--8<--" in match[0]
    ]


PAGE_GATES = (
    headings_without_an_id,
    links_to_a_page_instead_of_an_id,
    marks_of_nothing,
    pages_too_long,
    missing_parts,
    other_letters,
    letters_nobody_introduced,
    included_otherwise,
)

SITE_GATES = (
    formulas_left_as_tex,
    pictures_without_text,
    missing_assets,
    dead_links,
    pages_nothing_leads_to,
)
