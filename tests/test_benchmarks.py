"""The benchmarks run and judge rightly, and the page shows what they record."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import graders, growth, hand_ins, mutation
from benchmarks.checking import EXERCISES
from chapters import benchmarks as page
from companion import catalogue, data_files

ROOT = Path(__file__).parents[1]


def verdict(name, given):
    """What the comparison of a function says of a hand-in, in this process."""
    space = {"np": np}
    exec(given.cells()[name], space)
    try:
        exec(graders.comparison(name, name), space)
    except Exception:
        return False
    return True


@pytest.mark.parametrize(
    "learner", sorted(set(hand_ins.HAND_INS) - {"leaves", "endless", "asleep"})
)
def test_each_function_of_a_hand_in_deserves_what_its_comparison_says(learner):
    given = hand_ins.HAND_INS[learner]
    assert {name: verdict(name, given) for name in EXERCISES} == given.deserved


def test_a_hand_in_is_judged_rightly_only_with_every_mark_as_deserved():
    given = hand_ins.mistaken("relu")
    assert hand_ins.is_right(given, given.deserved)
    assert not hand_ins.is_right(given, hand_ins.HandIn().deserved)
    assert not hand_ins.is_right(given, {**given.deserved, "norm": False})
    assert not hand_ins.is_right(hand_ins.mistaken(*EXERCISES), None)


@pytest.mark.parametrize("room", mutation.ROOMS)
def test_a_room_of_mutants_has_its_modules_and_its_tests(room):
    patterns, _ = mutation.ROOMS[room]
    modules = [one for pattern in patterns for one in ROOT.glob(pattern)]
    assert modules
    for module in modules:
        own, *tests = mutation.files_of_tests(room, str(module.relative_to(ROOT)))
        assert ROOT / own == module
        assert tests
        assert all((ROOT / one).is_file() for one in tests)


@pytest.mark.parametrize("exponent", [1.0, 1.7, -1.0])
def test_the_power_is_found_behind_what_it_costs_to_begin(exponent):
    n = np.array([1, 3, 10, 30, 100, 300, 1000])
    result = growth.fitted(n, 2.5 + 0.4 * n**exponent)
    assert result["exponent"] == pytest.approx(exponent, rel=1e-3)
    assert result["start"] == pytest.approx(2.5, rel=1e-2)


def test_two_sizes_give_a_slope():
    assert growth.fitted([1, 2], [8, 4.5])["exponent"] == pytest.approx(np.log2(4.5 / 8))


COUNT = """
import json, torch
from benchmarks.pytorch_networks import BUILDERS, network
shapes, found = json.loads({shapes!r}), {{}}
for name, (classes, *shape) in shapes.items():
    model = network(name, classes)
    kept = [p for n, p in model.named_parameters() if "bias_hh" not in n]
    x = torch.zeros(2, *([shape[2], *shape[:2]] if len(shape) == 3 else shape))
    assert model(x).shape == (2, classes), name
    found[name] = sum(one.numel() for one in kept)
print(json.dumps(found))
"""


def test_the_networks_in_pytorch_have_the_parameters_of_the_catalogues():
    """But for the second bias that PyTorch gives an LSTM."""
    pytest.importorskip("torch")
    cards = {name: catalogue.find_model(name)[1] for name in ("lenet5", "vgg_small", "lstm", "cnn")}
    shapes = {name: (4 if name == "cnn" else 10, *card.input_shape) for name, card in cards.items()}
    done = subprocess.run(
        [sys.executable, "-c", COUNT.format(shapes=json.dumps(shapes))],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == {name: card.parameters for name, card in cards.items()}


# What a whole run finds beyond a small one.
RUNS = {
    "companion": [{"seconds": 20.5, "curve": [0.98, 0.991]}, {"seconds": None, "curve": [0.97]}],
    "Keras's example": [{"seconds": 60.0, "curve": [0.9905]}] * 2,
}
MNIST = {
    "target": 0.99, "seeds": 2, "runs": RUNS, "seconds": {"Keras's example": 60.0}, "ratio": {},
    "date": "2026-01-01", "took": 90.0,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
def test_a_small_run_is_recorded_and_shown(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    file = tmp_path / "benchmarks.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--small", "--only", "graders", "training",
         "predicting", "growth", "--json", file], cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(file.read_text())
    ours = record["parts"]["graders"]["graders"]["companion"]
    assert (ours["right"], ours["survived"], ours["harm"]) == (2, 1, {})
    contestants = record["parts"]["training"]["networks"]["lenet5"]["contestants"]
    assert all(one["per_second"] > 0 for one in contestants.values())
    assert contestants["PyTorch, tensors"]["ratio"] > 0
    assert np.isfinite(record["parts"]["growth"]["learners"]["exponent"])

    record["parts"]["mnist"] = MNIST
    file.write_text(json.dumps(record))
    monkeypatch.setattr(data_files, "recorded", lambda name: file)
    assert "| companion | " in page.grading()
    assert "None of them did any harm" in page.attacks()
    assert "| LeNet-5, batches of 128 | PyTorch, tensors | " in page.training()
    assert "| LeNet-5 | 2.5 | " in page.limits()
    assert "| companion | not every time | 20.5 | 2, 1 | – |" in page.mnist()
    read = record["parts"]["predicting"]["rows"]
    assert [row["answers"] for row in read.values()] == [11, 12, 12]
    assert "| 12, each drawn | " in page.predicting()
    assert "1, 3 learners" in page.growth_table()
    assert "grading a class of cheap hand-ins" in page.growing().get_label()
    assert "python" in page.machine()


def test_what_is_not_recorded_says_how_it_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "recorded", lambda name: tmp_path / "benchmarks.json")
    assert "`python -m benchmarks --full --only mnist --json" in page.mnist()
    assert page.growth() == page.machine() == ""
