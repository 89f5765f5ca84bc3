"""The bench for a detector of arrhythmia: its numbers against scikit-learn's, and its use."""

import numpy as np
import pytest
from browsing import needs_browser
from figure_page import CHAPTERS, PHONE, data_of, drag, news, shown
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import in_javascript, needs_node

BENCH = CHAPTERS / "ecg" / "bench.js"
SCORES = CHAPTERS / "ecg" / "scores.js"
pytestmark = [pytest.mark.slow, needs_node]

CURVES = """(b, [scores, ill, threshold, prevalence]) =>
    [b.judge(scores, ill, threshold, prevalence), b.curves(scores, ill, prevalence)]"""


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.1, 0.5]))
@settings(max_examples=8, deadline=None)
def test_thresholds_and_prevalences_are_judged_as_scikit_learn_judges_them(seed, prevalence):
    from sklearn import metrics

    rng = np.random.default_rng(seed)
    ill = rng.permutation(60) < 12
    scores = (rng.random(60) / 2 + 0.3 * ill).round(1 + seed % 2)  # with ties
    threshold = float(rng.choice(scores))
    judged, curves = in_javascript(
        BENCH, CURVES, [scores.tolist(), ill.tolist(), threshold, prevalence]
    )
    weight = np.where(ill, prevalence / 12, (1 - prevalence) / 48)
    how = {"sample_weight": weight}
    alarm = scores >= threshold
    assert [
        [judged[n] for n in pair] for pair in (("spared", "falseAlarms"), ("missed", "found"))
    ] == (metrics.confusion_matrix(ill, alarm).tolist())
    for name, of in (("sensitivity", metrics.recall_score), ("precision", metrics.precision_score),
                     ("f1", metrics.f1_score)):  # fmt: skip
        assert judged[name] == pytest.approx(of(ill, alarm, **how), abs=1e-9)
    assert judged["specificity"] == pytest.approx(metrics.recall_score(~ill, ~alarm, **how))
    assert curves["area"] == pytest.approx(metrics.roc_auc_score(ill, scores, **how))
    assert curves["average"] == pytest.approx(metrics.average_precision_score(ill, scores, **how))
    false, result, _ = metrics.roc_curve(ill, scores, drop_intermediate=False, **how)
    np.testing.assert_allclose(curves["roc"], np.transpose([false, result]), atol=1e-9)
    precision, recall, _ = metrics.precision_recall_curve(ill, scores, **how)
    ours = np.array(curves["pr"])[::-1]
    np.testing.assert_allclose(
        ours, np.transpose([recall, precision])[:-1][-len(ours) :], atol=1e-9
    )


@given(st.lists(st.floats(0.3, 1.5), min_size=3, max_size=14))
@settings(max_examples=8, deadline=None)
def test_a_rhythm_is_measured_as_python_measures_it(intervals):
    from chapters.ecg.features import rhythm

    beats = np.cumsum([0.1, *intervals])
    received = in_javascript(BENCH, "(b, beats) => b.rhythm(beats)", beats.tolist())
    expected = rhythm(beats, rate=1)
    names = {"rate": "rate", "rmssd": "rmssd", "variation": "rr_cv"}
    for ours, theirs in names.items():
        assert received[ours] == pytest.approx(expected[theirs], abs=1e-5)


def test_marks_are_paired_with_beats_once_each_and_snap_to_them():
    compared, snapped = in_javascript(
        BENCH,
        """(b, [signal]) => [b.compare([1.0, 1.05, 2.08, 4.5], [1.02, 2, 3]),
            [b.snap(signal, 42), b.snap(signal, 70), b.snap(signal, -5)]]""",
        [np.where(np.arange(100) == 46, -9, np.arange(100) % 2).tolist()],
    )
    assert compared == {"extra": [1.05, 4.5], "missed": [3]}
    assert snapped[0] == 46
    assert 62 <= snapped[1] <= 78
    assert 0 <= snapped[2] <= 8


def test_the_bench_has_the_strips_of_the_generator_and_the_counts_of_the_record():
    from chapters.ecg.bench import strips
    from chapters.ecg.recordings import AF
    from companion import data_files

    held = data_of(SCORES)
    assert held["strips"] == strips()
    record = data_files.read("ecg_figures")
    ill = [int(one) == AF for one in held["classes"]]
    judged, curves = in_javascript(
        BENCH, CURVES, [held["probabilities"], ill, held["threshold"], np.mean(ill)]
    )
    counts = np.array(record["confusion"]["counts"])
    others = counts[[0, 2, 3]].sum(0)
    ours = [judged[name] for name in ("missed", "found", "spared", "falseAlarms")]
    np.testing.assert_allclose(ours, [*counts[AF], *others], atol=1)  # weights of float16
    recorded = record["curves"]["recording"]
    assert curves["area"] == pytest.approx(recorded["roc"], abs=1e-3)
    assert curves["average"] == pytest.approx(recorded["pr"], abs=3e-3)


@needs_browser
@pytest.mark.parametrize("opened", ["ecg-bench"], indirect=True)
def test_prevalence_moves_the_precision_and_leaves_the_roc_curve_alone(opened):
    def figures():
        return [
            drawn.get_attribute("aria-label") for drawn in opened.locator("svg[role=img]").all()
        ]

    output = opened.locator(".figure-news").nth(1)
    roc, pr = figures()
    before = output.inner_text()
    opened.get_by_label("Prevalence", exact=True).press("End")
    assert "Where 60 % are ill" in output.inner_text()
    assert figures()[0] == roc
    assert figures()[1] != pr
    assert output.inner_text().split(".")[0] == before.split(".")[0]
    drag(opened, opened.locator(".figure-drag").first, 0.9, 0.9)
    assert output.inner_text() != before
    opened.get_by_label("Threshold", exact=True).press("End")
    assert "Nobody raises an alarm, so there is no precision." in output.inner_text()
    opened.get_by_label("Threshold", exact=True).press("Home")
    assert "100 % of the ill are found and 0 % of the healthy" in output.inner_text()
    opened.get_by_role("button", name="As in the data").click()
    assert output.inner_text() == before


@needs_browser
def test_beats_are_marked_by_touch_and_by_keys_and_compared(chromium, tmp_path):
    held = data_of(SCORES)["strips"]
    with shown(chromium, tmp_path, "ecg-bench", **PHONE) as page:
        page.get_by_role("button", name="Compare").tap()
        assert "Mark four beats or more" in news(page)
        drawing = page.get_by_role("group", name="Ten seconds")
        width = drawing.bounding_box()["width"]
        for beat in held[0]["beats"][:5]:
            drawing.tap(position={"x": beat / 1000 * width, "y": 60})
        assert news(page).startswith("5 marks")
        place = page.get_by_label("Place", exact=True)
        place.focus()
        page.keyboard.press("End")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Compare").tap()
        missed = len(held[0]["beats"]) - 5
        assert f"you missed {missed} of them" in news(page) or f"missed {missed - 1}" in news(page)
        assert f"The strip was made as “{held[0]['rhythm']}”" in news(page)
        page.get_by_label("Strip", exact=True).select_option("1")
        assert "A new strip" in news(page)
