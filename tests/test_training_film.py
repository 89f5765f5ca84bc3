"""A training that is scrubbed: the film of it, its stop, and its switches."""

import numpy as np
import pytest
from browsing import needs_browser
from figure_page import CHAPTERS, PHONE, data_of, drag, news, shown
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import in_javascript, needs_node

SCRUB = CHAPTERS / "regularization" / "scrub.js"
FILM = CHAPTERS / "regularization" / "film.js"
pytestmark = [pytest.mark.slow, needs_node]


@given(
    st.lists(st.floats(0, 3).map(lambda loss: round(loss, 2)), min_size=1, max_size=30),
    st.integers(1, 12),
)
@settings(max_examples=15, deadline=None)
def test_training_is_stopped_where_python_stops_it(losses, patience):
    from chapters.regularization.scratch import early_stopping

    stop = early_stopping(losses, patience)
    program = "(s, [losses, patience]) => s.earlyStopping(losses, patience)"
    assert in_javascript(SCRUB, program, [losses, patience]) == {
        "epoch": stop.epoch,
        "best": stop.best_epoch,
    }


def test_the_films_show_the_validation_digits_and_misread_what_the_record_says():
    import companion
    from chapters.regularization.studies import switched_training
    from companion.studies.records import recorded_results

    held = data_of(FILM)
    validation = companion.load("digits").validation
    assert held["labels"] == "".join(map(str, validation.y))
    shades, misread = in_javascript(
        SCRUB,
        """(s, {digits, labels, films}) => [digits.map(s.shades), Object.values(films).map(
            ({answers}) => answers.map((said) => s.misread(said, labels).length))]""",
        held,
    )
    np.testing.assert_allclose(shades, validation.x.reshape(len(shades), -1), atol=1e-5)
    rows = {
        row.level: row.values for row in recorded_results(switched_training).rows if row.seed == 0
    }
    for (name, film), counts in zip(held["films"].items(), misread, strict=True):
        row, best = rows[name], int(np.argmin(film["val_loss"]))
        assert counts[-1] / len(validation) == pytest.approx(row["validation_error"])
        assert counts[best] / len(validation) == pytest.approx(row["validation_error_at_best"])
        assert best == row["best_epoch"]
        assert film["loss"][-1] == pytest.approx(row["training_loss"], abs=1e-4)
        assert film["val_loss"][-1] == pytest.approx(row["validation_loss"], abs=1e-4)
        assert film["by_heart"][-1] / film["wrong"] == pytest.approx(row["by_heart"])
        assert film["norm"][-1] == pytest.approx(row["weight_norm"], abs=1e-3)
        assert {sum(counts) for counts in film["weights"]} == {64 * 128 + 128 * 128 + 128 * 10}


@needs_browser
@pytest.mark.parametrize("opened", ["training"], indirect=True)
def test_a_training_is_scrubbed_by_keys_by_dragging_and_by_its_switches(opened):
    film = data_of(FILM)["films"]
    slider = opened.get_by_label("Epoch", exact=True)
    slider.press("End")
    labels = data_of(FILM)["labels"]
    wrong = sum(map(str.__ne__, film["neither"]["answers"][60], labels))
    assert f"After epoch 60: loss {film['neither']['loss'][60]:.3g} in training" in news(opened)
    assert f"{wrong} of 144 validation digits are misread" in news(opened)
    assert opened.locator(".figure-digits li:visible").count() == wrong
    opened.get_by_label("L2 penalty").check()
    assert f"it answers {film['L2']['by_heart'][60]} as they were given" in news(opened)
    opened.get_by_label("Dropout").press("Space")
    assert f"norm is {film['both']['norm'][60]:.3g}" in news(opened)
    drag(opened, opened.locator(".figure-drag"), 0.9, 0.12)
    assert "Before training" in news(opened)
    opened.get_by_label("L2 penalty").uncheck()
    opened.get_by_label("Dropout").uncheck()
    kept = opened.get_by_role("button", name="Go to the weights that are kept")
    assert kept.is_disabled()
    opened.get_by_label("Early stopping").check()
    kept.click()
    best = 1 + int(np.argmin(film["neither"]["val_loss"][1:]))
    assert f"After epoch {best}:" in news(opened)
    slider.press("End")
    assert "After epoch 60" not in news(opened)


@needs_browser
def test_a_film_plays_and_stands_still_for_who_asked_for_stillness(chromium, tmp_path):
    with shown(chromium, tmp_path, "training", **PHONE) as page:
        page.get_by_role("button", name="Play").tap()
        page.wait_for_function("document.querySelector('.figure-news').textContent.includes('15:')")
        page.get_by_role("button", name="Pause").tap()
    with shown(chromium, tmp_path, "training", reduced_motion="reduce", **PHONE) as page:
        page.get_by_role("button", name="Play").tap()
        assert "After epoch 60:" in news(page)
