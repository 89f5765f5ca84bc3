"""A learner's progress in one file: the terminal's Python and the page's JavaScript do the same."""

import json
import re
from pathlib import Path

import pytest
from javascript import in_javascript, needs_node

from companion import cli
from companion.checking.classroom import progress, progress_file

PAGE = Path(__file__).parents[1] / "chapters" / "assets" / "progress.js"
BEFORE, BETWEEN = "2026-11-27T09:29:59.999Z", "2026-11-27T09:30:00.001Z"
EARLY, LATE = "2026-11-27T09:30:00.000Z", "2026-12-01T08:00:00.000Z"


@pytest.fixture
def state(tmp_path, monkeypatch):
    file = tmp_path / "progress.jsonl"
    monkeypatch.setenv("COMPANION_STATE", str(file))
    monkeypatch.chdir(tmp_path)
    return file


@pytest.fixture
def call(state, monkeypatch, capfd):
    """Call `companion progress`, and return its exit code and what it printed, as one line."""

    def called(*arguments):
        monkeypatch.setattr("sys.argv", ["companion", "progress", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        return end.value.code, out if "--json" in arguments else " ".join((out + err).split())

    return called


def lines(*events):
    keys = ("exercise", "event", "at")
    return "".join(json.dumps(dict(zip(keys, event, strict=False))) + "\n" for event in events)


JOURNALS = {
    "nothing": "",
    "a pass, a hint, a solution": lines(
        ("a/one", "passed", EARLY), ("a/two", "hint", EARLY), ("a/two", "solution", LATE)
    ),
    "written before there were times": lines(
        ("a/one", "solution"), ("a/one", "passed"), ("a/two", "passed"), ("a/two", "solution")
    ),
    "not in the order of time": lines(
        ("a/one", "passed", LATE), ("a/one", "passed", EARLY), ("a/one", "solution", EARLY)
    ),
    "seen and passed at once, and the reverse": lines(
        ("a/one", "solution", LATE), ("a/one", "passed", LATE),
        ("a/two", "passed", LATE), ("a/two", "solution", LATE),
    ),
    "damaged": "\0\n[1]\nnull\n7\n" + lines(
        (["list"], "passed"), ("", "passed"), ("a", "passed"), ("a/b/c", "passed"), ("/", "passed"),
        ("a/\u001b[2J", "passed"), ("a/\ud800", "passed"), ("a/one", {}), ("a/one", "passed", 7),
        ("a/two", "passed", "yesterday"), ("__proto__/größe", "passed"), ("x" * 300 + "/y", "hint"),
        (None, "checked"), ("convolution", "checked", LATE),
    ) + '{"exercise": "a/three", "ev',
    "more hints than there can be": lines(*[("a/one", "hint")] * 150),
}  # fmt: skip


@needs_node
def test_terminal_and_page_write_the_same_file_from_the_same_journal(state, call):
    saved = in_javascript(
        PAGE, "(page, held) => held.map((one) => page.written(page.standings(one)))",
        list(JOURNALS.values()),
    )  # fmt: skip
    for (kind, journal), from_the_page in zip(JOURNALS.items(), saved, strict=True):
        state.write_text(journal)
        target = state.with_name(f"{kind}.json")
        call("--save", target)
        assert target.read_text(encoding="utf-8") == from_the_page, kind
        assert progress_file.content(progress_file.parsed(target.read_bytes())) == json.loads(
            from_the_page
        ), kind
        if kind == "damaged":
            names = {"a/one", "a/two", "__proto__/größe"}
            assert set(json.loads(from_the_page)["exercises"]) == names


def held(exercises, **changes):
    return json.dumps(
        {"format": "companion-progress", "version": 1, "exercises": exercises} | changes
    )


IS_NONE = 'It is no progress file: JSON with "format": "companion-progress" is expected.'
NO_NAME = "It is damaged: the name of an exercise is not CHAPTER/EXERCISE."
NO_ENTRY = "It is damaged: times and hints of a/one are not as they must be."
NEWER = "It is not of version 1: a newer companion may read it."
MANY = "It is damaged: up to 10000 exercises by name are expected."
REFUSED = {
    "empty": ("", IS_NONE),
    "no JSON": ("<html>", IS_NONE),
    "torn": (held({"a/one": {"passed": EARLY}})[:-9], IS_NONE),
    "no UTF-8": ("\udcff", IS_NONE),
    "deep": ("[" * 500_000, IS_NONE),
    "deep in an entry": ('{"a":' * 150_000, IS_NONE),
    "another thing": ('{"version": 1, "exercises": {}}', IS_NONE),
    "a list": ("[]", IS_NONE),
    "large": (held({}) + " " * (1 << 20), "It has more than 1 MB, which no progress file has."),
    "newer": (held({}, version=2), NEWER),
    "without version": (held({}, version=None), NEWER),
    "no exercises": (held(None), MANY),
    "a list of exercises": (held(["a/one"]), MANY),
    "many": (held({f"a/{n}": {} for n in range(10_001)}), MANY),
    "no chapter": (held({"one": {}}), NO_NAME),
    "__proto__": (held({"__proto__": {"passed": EARLY}}), NO_NAME),
    "a path": (held({"a/../one": {}}), NO_NAME),
    "a terminal's own": (held({"a/\u001b]0;x\u0007": {}}), NO_NAME),
    "turned round": (held({"a/\u202eeno": {}}), NO_NAME),
    "half a letter": (held({"a/\ud800": {}}), NO_NAME),
    "a long name": (held({"a/" + "x" * 199: {}}), NO_NAME),
    "no entry": (held({"a/one": None}), NO_ENTRY),
    "a truth": (held({"a/one": {"passed": True}}), NO_ENTRY),
    "a number": (held({"a/one": {"passed": 1764235800}}), NO_ENTRY),
    "another clock": (held({"a/one": {"passed": "2026-11-27T09:30:00+01:00"}}), NO_ENTRY),
    "other digits": (held({"a/one": {"solution": EARLY.replace("2", "٢")}}), NO_ENTRY),
    "a line more": (held({"a/one": {"passed": EARLY + "\n"}}), NO_ENTRY),
    "half a hint": (held({"a/one": {"hints": 0.5}}), NO_ENTRY),
    "a truth of hints": (held({"a/one": {"hints": True}}), NO_ENTRY),
    "a hint too few": (held({"a/one": {"hints": -1}}), NO_ENTRY),
    "a million hints": (held({"a/one": {"hints": 1_000_000}}), NO_ENTRY),
}  # fmt: skip


@needs_node
def test_a_damaged_file_is_refused_with_one_sentence_by_both(state, call):
    files = [held_.encode("utf-8", "surrogateescape") for held_, _ in REFUSED.values()]
    program = """(page, files) => files.map((text) => {
        try { return [...page.parsed(Buffer.from(text, "latin1"))]; }
        catch (error) { return error.message; } })"""
    from_the_page = in_javascript(PAGE, program, [one.decode("latin1") for one in files])
    state.write_text(lines(("a/one", "passed", EARLY)))
    before = state.read_bytes()
    for file, (kind, (_, said)), page in zip(files, REFUSED.items(), from_the_page, strict=True):
        with pytest.raises(ValueError, match=r".") as refused:
            progress_file.parsed(file)
        assert (str(refused.value), page) == (said, said), kind
    Path("bad.json").write_bytes(file)
    for option in ("--load", "--save"):
        code, told = call(option, "bad.json")
        assert code == 2
        assert told == f"companion: bad.json: {said} Nothing was changed."
    assert Path("bad.json").read_bytes() == file
    assert state.read_bytes() == before


KNOWN = [
    {},
    {"a/one": {"passed": EARLY}},
    {"a/one": {"passed": LATE}},
    {"a/one": {"solution": BEFORE}},
    {"a/one": {"passed": LATE, "solution": BEFORE}},
    {"a/one": {"solution": BETWEEN, "hints": 2}},
    {"a/one": {"passed": LATE, "hints": 1}, "b/größe two": {"passed": EARLY}},
]


@needs_node
def test_terminal_and_page_know_the_same_after_loading_and_no_pass_is_lost(state):
    """Every pair of what is known and what is brought, in both orders."""
    pairs = [(held(here), held(there)) for here in KNOWN for there in KNOWN]
    program = """(page, pairs) => pairs.map((pair) => {
        let lines = "";
        for (const one of [...pair, ...pair]) {
          lines += page.missing(lines, page.parsed(Buffer.from(one)));
        }
        return [page.written(page.standings(lines)), lines]; })"""
    result = {}
    for pair, (from_the_page, page_lines) in zip(
        pairs, in_javascript(PAGE, program, pairs), strict=True
    ):
        state.unlink(missing_ok=True)
        for one in (*pair, *pair):
            progress.merge(progress_file.parsed(one.encode()))
        result[pair] = progress_file.content(progress.load_progress())["exercises"]
        assert json.loads(from_the_page)["exercises"] == result[pair]
        written = state.read_text() if state.exists() else ""
        assert [*map(json.loads, page_lines.splitlines())] == [
            {"at": progress.UNDATED, **json.loads(line)} for line in written.splitlines()
        ], "and nothing is written twice"
    for (here, there), known in result.items():
        assert known == result[there, here]
        for name in json.loads(here)["exercises"]:
            passes = [
                json.loads(one)["exercises"].get(name, {}).get("passed") for one in (here, there)
            ]
            assert known[name].get("passed") == min(filter(None, passes), default=None)


def test_a_file_carries_passes_from_machine_to_machine_and_unknown_ones_are_named(state, call):
    Path("page.json").write_text(
        held({
            "convolution/output_size": {"passed": EARLY},
            "convolution/im2col": {"solution": EARLY},
            "algebra/angle": {"passed": LATE},
        })
    )  # fmt: skip
    code, told = call("--load", "page.json")
    assert code == 0
    assert "Loaded page.json: 2 more passed. algebra/angle, convolution/output_size" in told
    assert "Passed, of no chapter that is here: algebra/angle" in told
    assert re.search(r"convolution 1 of \d+ parameter_count", told)
    assert "Loaded page.json: 0 more passed." in call("--load", "page.json")[1]

    # What a file held already stays in it.
    Path("both.json").write_text(held({"memory/other": {"passed": EARLY}}))
    assert "Saved both.json: 3 passed." in call("--save", "both.json")[1]
    assert set(json.loads(Path("both.json").read_text())["exercises"]) == {
        "algebra/angle", "convolution/im2col", "convolution/output_size", "memory/other"
    }  # fmt: skip
    assert "memory/other" not in progress.load_progress()

    printed = call("--json")[1]
    assert progress_file.parsed(printed.encode()) == progress.load_progress()


def test_where_nothing_can_be_written_down_the_file_is_written_all_the_same(call, monkeypatch):
    monkeypatch.setenv("COMPANION_STATE", str(Path("here.jsonl").absolute()))
    Path("here.jsonl").mkdir()
    Path("page.json").write_text(held({"a/one": {"passed": EARLY}}))
    code, told = call("--load", "page.json", "--save", "both.json")
    assert code == 0
    assert "Your progress could not be written down." in told
    assert json.loads(Path("both.json").read_text())["exercises"] == {"a/one": {"passed": EARLY}}
    code, told = call("--load", "none.json")
    assert (code, told) == (2, "companion: none.json cannot be read: No such file or directory.")
