"""What `companion doctor --measure` counts, times and draws."""

import importlib.util
import json
import re
import time
from dataclasses import replace

import keras
import numpy as np
import pytest
from rich.console import Console

from chapters.practice import machines_figures
from chapters.practice.formats import FORMATS
from companion import catalogue, data_files, pages
from companion.cli import machine as cli_machine
from companion.plots.roofline import draw_roofline
from companion.training import measuring
from companion.training.measuring import Measurement, Step

FIGURES = ("roofline", "h100_rates", "gaps", "stalled_updates", "loss_scales")
machine = Measurement(
    "a machine", "tensorflow", {"float32": 100e9}, 10e9,
    (Step("light", 1.0, 20e9, 10e9), Step("heavy", 1.0, 50e9, 1e9)), 20.0,
)  # fmt: skip


def test_the_roof_rises_with_the_bandwidth_and_is_level_from_the_ridge_on():
    assert [machine.bound(one) for one in (1, 5, 10, 100)] == [10e9, 50e9, 100e9, 100e9]


def test_shares_and_the_roof_come_from_the_same_numbers():
    told = machine.to_json()
    light, heavy = told["steps"]
    assert (light["intensity"], light["roof"], light["share_of_matrix_rate"]) == (2, 20e9, 0.2)
    assert (heavy["intensity"], heavy["roof"], heavy["share_of_matrix_rate"]) == (50, 100e9, 0.5)
    assert Measurement.from_json(json.loads(json.dumps(told))) == machine
    label = draw_roofline(told).get_label()
    assert "from 10.0 operations a byte on" in label
    assert "light 2.0 operations a byte, 20.0 GFLOP/s" in label


def test_backends_are_told_by_the_seconds_of_a_step_the_fastest_first():
    other = {"jax": {"light": 0.5, "heavy": 2.0}, "torch": {"light": 0.7}}
    asked = replace(machine, other_backends=other)
    assert list(asked.backends("light")) == ["jax", "torch", "tensorflow"]
    assert asked.backends("heavy") == {"tensorflow": 1.0, "jax": 2.0}
    assert Measurement.from_json(json.loads(json.dumps(asked.to_json()))) == asked
    console = Console(width=100)
    with console.capture() as captured:
        for part in cli_machine._measurement_lines(asked):
            console.print(part)
    assert re.search(r"light +1000\.00 +500\.00 +700\.00 +jax", captured.get())
    assert re.search(r"heavy +1000\.00 +2000\.00 +tensorflow", captured.get())
    assert "KERAS_BACKEND=jax" in captured.get()


@pytest.mark.parametrize("answer", ["raise SystemExit(3)", "print('no JSON')", "pass"])
def test_a_backend_that_fails_is_left_out(monkeypatch, answer):
    monkeypatch.setattr(measuring, "ASKED", answer)
    assert measuring.other_backends("tensorflow") == {}


def test_another_backend_is_asked_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setattr(measuring, "ASKED", "import json, os; print(json.dumps(dict(os.environ)))")
    others = measuring.other_backends("tensorflow")
    assert {name: told["KERAS_BACKEND"] for name, told in others.items()} == {
        name: name for name in ("jax", "torch") if importlib.util.find_spec(name)
    }


def test_operations_are_those_of_the_layers_counted_by_hand():
    """LeNet-5: two for each multiply-add of each place of each kernel."""
    places = 28**2 * 6 * 25 + 10**2 * 16 * 150 + 120 * 400 + 84 * 120 + 10 * 84
    assert measuring.operations(catalogue.builder("lenet5")()) == 2 * places
    lstm = keras.Sequential([keras.Input((7, 3)), keras.layers.LSTM(5), keras.layers.Dense(2)])
    assert measuring.operations(lstm) == 2 * (7 * 4 * 5 * (3 + 5) + 2 * 5)


def test_the_least_traffic_counts_outputs_four_times_and_weights_eight_times():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4), keras.layers.Dense(2)])
    weights = 6 * 4 + 4 + 4 * 2 + 2
    assert measuring.least_traffic(model, 16) == 4 * (4 * 16 * (4 + 2) + 8 * weights)
    lstm = keras.Sequential([keras.Input((7, 3)), keras.layers.LSTM(5)])
    weights = 20 * (3 + 5 + 1)
    assert measuring.least_traffic(lstm, 16) == 4 * (4 * 16 * 7 * (20 + 10) + 8 * weights)


def test_the_best_of_several_times_leaves_out_the_first_call():
    calls = []

    def work():
        calls.append(None)
        time.sleep(0.05 if len(calls) == 1 else 0.002)

    assert 0.002 <= measuring.best(work, 0) < 0.05
    assert len(calls) == 4


@pytest.mark.parametrize("name", measuring.FORMATS)
def test_a_product_of_half_the_size_is_timed_in_every_format(name):
    assert measuring.matrix_rate(name, 64) > 0


def test_a_step_and_the_bandwidth_are_timed():
    assert measuring.bandwidth(2**22) > 0
    step = measuring.step("lstm")
    assert step.rate == step.operations / step.seconds > 0
    assert step.operations == 3 * 128 * measuring.operations(catalogue.builder("lstm")())


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_says_what_it_finds_in_words_and_a_page_shows_it(name):
    drawn = pages.figure(getattr(machines_figures, name))
    assert "<figcaption><b>Figure 12." in drawn
    assert "aria-label" in drawn


def test_the_figure_of_the_page_has_the_recorded_gradients():
    recorded = machines_figures.record["gradients"]
    assert machines_figures.SCRIPT.read_text("utf-8") == machines_figures.script(recorded)
    for counts in recorded.values():
        assert 0.9 * 61_706 < sum(counts.values()) + 20_000 < 61_706 + 20_000


def test_a_weight_stands_still_where_an_update_is_less_than_half_a_gap():
    label = machines_figures.stalled_updates().get_label()
    assert "float32 2.000" in label
    assert "bfloat16 1.000" in label
    half = np.float16(1)
    for _ in range(1000):
        half += np.float16(0.001)
    assert f"float16 {half:.3f}" in label


def test_the_lessons_numbers_of_the_h100_are_the_recorded_ones():
    record = data_files.read("h100_precision")
    rows = record["rows"]
    text = (machines_figures.SCRIPT.parent / "03-machines.md").read_text("utf-8")
    step = 128 / rows["resnet50 (Keras)|float32|128"]["per_second"]
    assert f"{step:.3f} s" in text
    spread = max((row["spread"][1] - row["spread"][0]) / row["per_second"] for row in rows.values())
    assert spread < 0.04
    assert rows["pyramid_rnn|float32|128"]["share_of_matrix_rate"] < 0.001
    assert record["command"].split(",")[0] in " ".join(text.split())


def test_the_table_of_formats_has_a_row_for_each():
    assert all(f"| {name} |" in machines_figures.format_table() for name in FORMATS)
