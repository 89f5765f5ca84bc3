"""The site's gates: each stops a bad sample and lets a good one pass."""

import pytest
import site_gates


def page(folder, body, name="index.html"):
    """Write a page whose article holds `body`."""
    folder.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text(f"<html><body><article>{body}</article></body></html>")
    return folder


BAD = {
    "formulas_left_as_tex": [
        r'<span class="arithmatex">\(a\)</span>',
        r'<div class="arithmatex">\[a\]</div>',
        "<p>the weight $ w$ and</p>",
        r"<p>half, \frac{1}{2}, of it</p>",
    ],
    "pictures_without_text": [
        '<img src="a.png">',
        '<img src="a.png" alt="">',
        '<div class="figure"><svg></svg></div>',
        "<canvas></canvas>",
    ],
    "missing_assets": [
        '<script src="gone.js"></script>',
        '<img src="gone.png" alt="gone">',
        '<div data-figure="x" data-scripts="gone.js"></div>',
        '<link rel="stylesheet" href="../gone.css">',
    ],
    "dead_links": [
        '<a href="gone.html">x</a>',
        '<a href="#nowhere">x</a>',
        '<a href="index.html#nowhere">x</a>',
        '<a href="/gone/">x</a>',
    ],
}
GOOD = """
<h2 id="here">x</h2> <a href="#here">x</a> <a href="https://elsewhere.org">x</a>
<a href="index.html#here">x</a> <a href="data:text/plain,x">x</a> <script src="there.js"></script>
<img src="there.png" alt="A finding."> <math><mi>a</mi></math> <code>$x$ \\frac{1}{2}</code>
a sandwich for $5
<div role="img" aria-label="A finding."><svg></svg></div>
"""


@pytest.mark.parametrize(
    ("gate", "sample"),
    [(gate, sample) for gate, samples in BAD.items() for sample in samples],
)
def test_a_gate_stops_a_bad_sample(gate, sample, tmp_path):
    assert getattr(site_gates, gate)(page(tmp_path, sample))


@pytest.mark.parametrize("gate", BAD)
def test_a_gate_lets_a_good_page_pass(gate, tmp_path):
    for name in ("there.js", "there.png"):
        (tmp_path / name).touch()
    assert getattr(site_gates, gate)(page(tmp_path, GOOD)) == []


def test_a_missing_font_of_a_style_is_found(tmp_path):
    (page(tmp_path, "") / "style.css").write_text("@font-face { src: url(fonts/gone.woff2) }")
    assert site_gates.missing_assets(tmp_path) == ["style.css: fonts/gone.woff2"]


def test_a_page_that_nothing_leads_to_is_found(tmp_path):
    page(tmp_path, '<a class="md-nav__link" href="a.html">A</a>')
    page(tmp_path, '<a href="b/led.html">x</a>', "a.html")
    page(tmp_path / "b", "", "led.html")
    page(tmp_path / "b", '<a href="lost.html">itself</a>', "lost.html")
    assert site_gates.pages_nothing_leads_to(tmp_path) == ["b/lost.html"]


def test_a_docstring_that_describes_another_argument_is_found(tmp_path):
    (tmp_path / "sample.py").write_text(
        'def f(size):\n    """Return it.\n\n    Args:\n        sise: How large.\n    """\n'
        'class C:\n    """A thing.\n\n    Args:\n        width: How wide.\n    """\n'
        "    def __init__(self, depth): ...\n"
    )
    assert site_gates.wrong_docstrings("sample", tmp_path) == [
        "sample.f takes no argument 'sise'",
        "sample.C takes no argument 'width'",
    ]


BAD_PAGES = {
    "headings_without_an_id": ["## A heading", "### One {: .class }"],
    "links_to_a_page_instead_of_an_id": ["[x](../a/README.md#y)", "[x](02-y.md#z)"],
    "marks_of_nothing": [
        "<!-- from: nothing_recorded -->",
        "<!-- from: weight_decay nothing_recorded -->",
        "<!-- slide: A20 F1 -->",
        "<!-- source: -->",
        "<!-- a remark -->",
    ],
    "pages_too_long": ["word " * 3501],
    "missing_parts": ["## In short {#a}\n\n- one\n", "## Exercises\n"],
    "other_letters": ["$h_t$", "$$\nh_{t-1}\n$$", r"$a \circ b$", r"$\phi$", "$W^{(l)}$", "$W_l$"],
    "letters_nobody_introduced": ["$Q x + 1$", r"$\kappa x$"],
    "included_otherwise": ['```python\n--8<-- "a.py"\n```\n'],
    "ids_given_twice": ["## A {#a}\n\n## B {#a}"],
}
GOOD_PAGE = r"""# A chapter {#chapter}

<!-- slide: A20 E50 -->

A line $h^{(t)} = W^{[l]} \odot \sum_t x$ <!-- from: weight_decay, dropout_rate -->
Here deck C writes $C_t$. <!-- source: LeCun 1998 -->

```python
# no heading
```

[x][y] [z](../z/README.md) [w](https://example.org/a.md#b)

## In short {#chapter-in-short}

- one
- two
- three
- four
- five

## Ask yourself {#chapter-ask}

??? question "One?"

??? question "Two?"

??? question "Three?"

??? question "Four?"

??? question "Five?"

## Exercises {#chapter-exercises}

print(pages.exercises("FOLDER"))

## What to read next {#chapter-reading}

- Someone (2000). *A work.* [doi:1](https://doi.org/1)
"""


@pytest.mark.parametrize(
    ("gate", "sample"),
    [(gate, sample) for gate, samples in BAD_PAGES.items() for sample in samples],
)
def test_a_gate_stops_a_bad_page_and_names_it(gate, sample, tmp_path):
    file = tmp_path / "README.md"
    file.write_text(f"{sample}\n")
    assert all("README.md" in complaint for complaint in getattr(site_gates, gate)([file]))
    assert getattr(site_gates, gate)([file])


@pytest.mark.parametrize("gate", BAD_PAGES)
def test_a_gate_lets_a_good_chapter_pass(gate, tmp_path):
    file = tmp_path / "README.md"
    file.write_text(GOOD_PAGE.replace("FOLDER", tmp_path.name))
    assert getattr(site_gates, gate)([file]) == []


def test_a_matrix_that_is_turned_round_is_found(tmp_path):
    code = tmp_path / "scratch.py"
    code.write_text("z = x @ U.T + h @ W.T\nw = h @ weights[f'U_{g}'] + W @ inputs[t]\n")
    assert [one.partition(": ")[2] for one in site_gates.matrices_turned_round(code)] == [
        "U meets h: U is for inputs, W for h",
        "W meets inputs[t]: U is for inputs, W for h",
    ]


def test_a_letter_that_stands_alone_is_introduced(tmp_path):
    file = tmp_path / "README.md"
    file.write_text("Among $Q$ classes, $Q x$ is large.\n")
    assert site_gates.letters_nobody_introduced([file]) == []


def test_a_work_without_a_link_and_an_exercise_shown_twice_or_never_are_found(tmp_path):
    file = tmp_path / "README.md"
    unlinked = GOOD_PAGE.replace("[doi:1](https://doi.org/1)", "A journal.")
    name = tmp_path.name
    shown = f'print(pages.exercise("{name}.one"))\n' * 2
    file.write_text(shown + unlinked.replace("FOLDER", name))
    assert len(site_gates.missing_parts([file])) == 1
    assert len(site_gates.exercises_out_of_place([file], ["one", "two"])) == 2
