"""Exercises answered in the page: the terminal's verdicts, from Python in the browser."""

import json
import re
import subprocess
import sys

import pytest
from browsing import Server, barriers, visit
from page_exercises import exercises, in_the_browser

from companion.checking.classroom import progress
from companion.checking.judging.judge import Judge
from companion.checking.verdict import Status

EXERCISE = "convolution.output_size"
RIGHT = "(size + 2 * padding - kernel) // stride + 1"
WRONG = "(size + padding - kernel) // stride + 1"


class Place:
    """An exercise on a page, as its reader uses it.

    Args:
        page: The page.
        name: The exercise's whole name.
    """

    def __init__(self, page, name=EXERCISE):
        self.page, self.element = page, page.locator(f'[data-exercise="{name}"]')
        self.says = self.element.locator(".answer-verdict")

    def button(self, name):
        return self.element.get_by_role("button", name=name)

    def open(self):
        self.button("Answer it here").click()
        self.editor.wait_for()
        return self

    @property
    def editor(self):
        return self.element.get_by_role("textbox", name="Your answer to")

    def write(self, result):
        """Type an answer that returns `result`; the editor indents it."""
        self.editor.press("Control+A")
        self.page.keyboard.type(f"def output_size(size, kernel, padding, stride):\nreturn {result}")

    def waited_for(self, status):
        """Wait for a verdict of that status and return its words."""
        from playwright.sync_api import expect  # what it says when it gives up is what stands there

        expect(self.says).to_have_text(re.compile(rf"^{status}\b"), timeout=120_000)
        return self.says.inner_text()

    def checked(self, status):
        self.button("Check").click()
        return self.waited_for(status)


@pytest.fixture
def lesson(address, chromium):
    Server.sent.clear()
    with visit(chromium, f"{address}/convolution/index.html") as page:
        page.wait_for_load_state("networkidle")
        yield page
        assert page.said == []
        assert [url for url in page.asked if not url.startswith((address, "blob:"))] == []


@in_the_browser
def test_nothing_is_loaded_before_an_editor_is_opened_and_then_no_more_than_was_promised(lesson):
    def late(paths):
        return [one for one in paths if re.search(r"/assets/(python|codemirror|editor)", one)]

    assert late(path for path, _ in Server.sent) == []
    Server.sent.clear()
    place = Place(lesson).open()
    assert "Python is loading" in place.element.locator(".answer-loading").inner_text()
    assert "Not written yet" in place.checked("not attempted")
    assert place.element.locator(".answer-loading").inner_text() == ""
    sent = [(path, size) for path, size in Server.sent if late([path])]
    assert len({path for path, _ in sent}) == len(sent) >= 9, "each file once"
    assert sum(size for _, size in sent) <= 17_500_000


@in_the_browser
def test_an_answer_is_checked_explained_and_kept_and_another_way_shown(lesson, axe):
    place = Place(lesson).open()
    place.write(f"print('hello') or {WRONG}")
    output = place.checked("fail")
    assert "You padded one side only" in output
    assert "expected = 4" in output
    assert "printed: hello" in output
    assert barriers(lesson, axe) == []
    place.write(RIGHT)
    assert place.checked("pass").endswith("Right.")
    assert "✓ passed" in place.element.inner_text()
    place.button("Another way").click()
    place.element.locator(".answer-solution", has_text=RIGHT).wait_for()
    assert "solution seen" not in place.element.inner_text()

    lesson.reload()
    again = Place(lesson)
    assert "✓ passed" in again.element.inner_text()
    again.button("Go on with your answer").click()
    assert RIGHT in again.editor.inner_text()


@in_the_browser
def test_a_solution_seen_before_a_pass_is_marked_and_hints_open_one_by_one(lesson):
    place = Place(lesson).open()
    exercise = lesson.locator(".exercise").filter(has=place.element)
    for number in (1, 2, 3):
        assert exercise.locator("details.question[open]").count() == number - 1
        place.button("Hint").click()
    place.button("Show the solution").click()
    place.element.get_by_text("(solution seen)").wait_for(timeout=120_000)
    place.write(RIGHT)
    place.checked("pass")
    assert "✓ passed (solution seen)" in place.element.inner_text()


@in_the_browser
def test_what_never_ends_is_ended_and_the_next_check_works(lesson):
    place = Place(lesson).open()
    place.editor.press("Control+A")
    lesson.keyboard.type("def output_size(*given):\nwhile True:\npass")
    place.button("Check").click()
    assert lesson.evaluate("new Promise((done) => setTimeout(() => done(1 + 1), 500))") == 2
    assert place.says.inner_text() == "Checking …", "the page itself is not held up"
    assert "No answer within 10 seconds" in place.waited_for("timeout")

    place.button("Check").click()
    place.button("Stop").click()
    place.says.get_by_text("Stopped.").wait_for()

    place.editor.press("Control+A")
    lesson.keyboard.type("import os; os._exit(3)  # output_size")
    place.button("Check").click()
    place.says.get_by_text("Your answer ended Python").wait_for(timeout=120_000)

    place.write("output_size(size, kernel, padding, stride)")
    assert "RecursionError" in place.checked("error")
    place.write(RIGHT)
    place.checked("pass")


@in_the_browser
def test_a_new_line_is_indented_however_slow_the_machine_is(lesson):
    place = Place(lesson).open()
    # Each look at the clock finds it 21 ms later; CodeMirror parses for 20 ms after a key.
    lesson.evaluate("{ const { now } = Date; let t = 0; Date.now = () => now() + (t += 21); }")
    place.editor.press("Control+A")
    lesson.keyboard.type("def output_size(*given):\nwhile True:\npass")
    written = "def output_size(*given):\n    while True:\n        pass"
    assert place.editor.inner_text() == written


@in_the_browser
def test_tab_indents_and_leaves_the_editor_after_escape(lesson):
    place = Place(lesson).open()
    focused = "document.activeElement.closest('.cm-editor') !== null"
    place.editor.press("Control+A")
    place.editor.press("Tab")
    assert lesson.evaluate(focused)
    assert place.editor.locator(".cm-line").first.inner_text() == "    import numpy as np"
    place.editor.press("Escape")
    lesson.wait_for_timeout(2500)  # longer than CodeMirror itself leaves it free
    place.editor.press("Tab")
    assert not lesson.evaluate(focused)
    assert lesson.evaluate("document.activeElement.textContent") == "Check"


@in_the_browser
@pytest.mark.parametrize("by", ["touch", "keyboard"])
def test_from_the_front_page_two_clicks_to_an_editor_then_wrong_explained_and_right(
    by, address, chromium, axe
):
    touch = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": "dark"}
    with visit(chromium, f"{address}/index.html", **(touch if by == "touch" else {})) as page:

        def use(element, key="Enter"):
            if by == "touch":
                return element.tap()
            for _ in range(200):
                if element.evaluate("one => one === document.activeElement"):
                    return page.keyboard.press(key)
                page.keyboard.press("Tab")
            raise AssertionError(f"The keyboard does not reach {element}.")

        use(page.get_by_role("link", name="Try an exercise"))
        page.wait_for_url("**/index.html#try-one")
        place = Place(page)
        use(place.button("Answer it here"))
        place.editor.wait_for()
        for result, status in ((WRONG, "fail"), (RIGHT, "pass")):
            if by == "touch":
                place.editor.tap()
            place.write(result)
            page.keyboard.press("Escape")
            use(place.button("Check"))
            output = place.waited_for(status)
            if status == "fail":
                assert "You padded one side only" in output
                page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
        cut = page.evaluate(
            """[...document.querySelectorAll(".exercise pre > code")]
            .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"""
        )
        assert by == "keyboard" or cut == [], "on a phone, every line is read whole"
        assert barriers(page, axe) == []
        assert page.said == []


@in_the_browser
def test_answers_leave_as_the_file_of_the_terminal_and_come_back(lesson, address, tmp_path):
    lesson.goto(f"{address}/convolution/03-pooling-and-receptive-fields.html")
    listing = lesson.locator("[data-answers]")
    listing.get_by_role("button", name="Take your answers along").click()
    listing.get_by_text("There is no answer to take along yet.").wait_for()

    asked = {one.name: one for one in exercises("convolution")}
    handed_in = "".join(
        ["import numpy as np\nfrom numpy.lib.stride_tricks import sliding_window_view\n\n\n"]
        + ["def half(x):\n    return x // 2\n\n\n"]
        + [asked[name].solution + "\n\n" for name in ("output_size", "cross_correlate")]
        + [asked["im2col"].stub]
    )
    (tmp_path / "mine.py").write_text(handed_in)
    lesson.locator("[data-answers] input").set_input_files(tmp_path / "mine.py")
    listing.get_by_text("Brought: output_size, cross_correlate.").wait_for(timeout=120_000)

    with lesson.expect_download() as coming:
        listing.get_by_role("button", name="Take your answers along as convolution.py").click()
    coming.value.save_as(tmp_path / "convolution.py")
    assert coming.value.suggested_filename == "convolution.py"
    with Judge() as judge:
        source = (tmp_path / "convolution.py").read_bytes()
        report = judge.check(source, list(asked.values()))
    passed = [one.exercise for one in report.verdicts if one.status is Status.PASS]
    assert passed == ["output_size", "cross_correlate"]

    # What is written here already is replaced by what a file has only if its reader says so.
    (tmp_path / "other.py").write_text("def output_size(*given):\n    return 1\n")
    lesson.once("dialog", lambda dialog: dialog.dismiss())
    lesson.locator("[data-answers] input").set_input_files(tmp_path / "other.py")
    listing.get_by_text("Nothing was changed.").wait_for(timeout=120_000)
    (tmp_path / "broken.py").write_text("def output_size(:\n")
    lesson.locator("[data-answers] input").set_input_files(tmp_path / "broken.py")
    listing.get_by_text("The file cannot be read as Python in line 1").wait_for()
    lesson.goto(f"{address}/convolution/index.html")
    place = Place(lesson)
    place.button("Go on with your answer").click()
    assert "size + 2 * padding" in place.editor.inner_text()


@in_the_browser
def test_a_model_of_keras_and_a_page_from_disk_lead_to_the_terminal(site, lesson, chromium):
    keras = lesson.locator("[data-exercise][data-keras]")
    assert keras.get_by_role("button", name="Answer it here").count() == 0
    with visit(chromium, (site / "convolution" / "index.html").as_uri()) as page:
        place = Place(page)
        assert "opened from disk" in place.element.inner_text()
        assert "companion check convolution.py --only output_size" in place.element.inner_text()
        assert place.button("Answer it here").count() == 0
        assert page.said == []


class Progress:
    """The place of a lesson where its reader saves and loads progress.

    Args:
        page: The page, which may be left and come back to.
    """

    def __init__(self, page):
        self.page, self.element = page, page.locator("[data-progress]")

    def says(self, words):
        self.element.get_by_role("status").get_by_text(words).wait_for()

    def press_save(self):
        self.element.get_by_role("button", name="Save progress").click()

    def saved(self):
        """Save progress and return the file that comes."""
        with self.page.expect_download() as coming:
            self.press_save()
        return coming.value

    def load(self, file):
        self.element.locator("input").set_input_files(file)

    def kept(self):
        return self.page.evaluate("localStorage.getItem('companion/progress')")

    def mark(self, name):
        """What stands beside an exercise of the chapter in its list."""
        return self.page.locator(f'article li [data-mark="convolution.{name}"]').inner_text()


@pytest.fixture
def terminal(tmp_path, monkeypatch):
    """A reader's terminal beside the page: what `companion progress` answers there."""
    monkeypatch.setenv("COMPANION_STATE", str(tmp_path / "progress.jsonl"))

    def ask(*arguments):
        called = [sys.executable, "-m", "companion", "progress", "--json", *arguments]
        done = subprocess.run(called, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


@in_the_browser
def test_progress_goes_from_the_terminal_to_the_page_and_back(lesson, address, tmp_path, terminal):
    # From the page: what passed there, and a solution that was seen there, with their times.
    place = Progress(lesson)
    lesson.goto(f"{address}/convolution/03-pooling-and-receptive-fields.html")
    place.press_save()
    place.says("There is no progress to save yet.")
    lesson.goto(f"{address}/convolution/index.html")
    answer = Place(lesson).open()
    answer.write(RIGHT)
    answer.checked("pass")
    lesson.goto(f"{address}/convolution/03-pooling-and-receptive-fields.html")
    coming = place.saved()
    place.says("1 passed. In the terminal: companion progress --load progress.json")
    coming.save_as(tmp_path / coming.suggested_filename)
    assert terminal("--load", "progress.json")["passed_now"] == ["convolution/output_size"]

    # Back from the terminal, with a pass and a solution of its own.
    progress.remember([("convolution/im2col", progress.PASSED), ("algebra/one", progress.PASSED)])
    progress.remember([("convolution/max_pool", progress.SOLUTION)])
    in_the_terminal = terminal("--save", "back.json")
    for name, said in [("im2col", ""), ("max_pool", ""), ("output_size", "✓ passed")]:
        assert place.mark(name) == said
    place.load(tmp_path / "back.json")
    place.says("Loaded: 2 more passed. algebra/one, convolution/im2col")
    for name, said in [("im2col", "✓ passed"), ("max_pool", "(solution seen)")]:
        assert place.mark(name).strip() == said

    what_is_no_progress_changes_nothing(place, in_the_terminal, tmp_path / "damaged.json")

    # And once more from the page: the terminal learns nothing new.
    place.saved().save_as(tmp_path / "again.json")
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["exercises"] == in_the_terminal["exercises"]

    # A line of this browser's own that is torn costs no other.
    torn = """kept => localStorage.setItem("companion/progress", kept + '{"ex')"""
    lesson.evaluate(torn, place.kept())
    lesson.reload()
    assert "✓ passed" in place.mark("im2col")


def what_is_no_progress_changes_nothing(place, progress_there, file):
    """Load files that are damaged, or hostile, and then the same file, mended."""
    kept = place.kept()
    for content, said in [
        (b"[" * 900_000, "It is no progress file"),
        (b" " * 3_000_000, "It has more than 1 MB"),
        (b'{"format": "companion-progress", "version": 1, "exercises": {"<b>/x": 1}}', "of <b>/x"),
    ]:
        file.write_bytes(content)
        place.load(file)
        place.says(said)
        assert "damaged.json: " in place.element.inner_text()
        assert "Nothing was changed." in place.element.inner_text()
        assert place.kept() == kept
    file.write_text(json.dumps(progress_there))
    place.load(file)
    place.says("Loaded: 0 more passed.")
    assert place.kept() == kept
