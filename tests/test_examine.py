"""The examination: what a run keeps for it, what is found, and how it is said."""

import json
import math
import re

import keras
import numpy as np
import pytest

import companion
from chapters.gradients import clinic, exercises
from chapters.gradients.clinic_cases import CASES
from chapters.gradients.faults import FAULTS, NETWORKS, healthy, trained
from chapters.gradients.judged import HEALTHY, NAMES, examination_judged, judged_row
from companion import catalogue, data_files
from companion.checking import exercise
from companion.errors import UserError
from companion.lesson import sections
from companion.training import Examination
from companion.training.diagnosis import RULES, diagnose
from companion.training.examination import BY_EPOCH, examined_until, labels_of

SEED = 100_500  # of runs on which the rules were not judged
RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 6)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


def network(**options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, "relu"),
                              keras.layers.Dense(2, "softmax")])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False, **options)
    return model


@pytest.fixture(scope="module")
def watched():
    """A plain fit of Keras's, and what its examination has kept."""
    examination = Examination(X, Y, validation_split=0.25)
    network().fit(X, Y, validation_split=0.25, epochs=3, verbose=0, callbacks=[examination])
    return examination


def found(report):
    return [one.name for one in report.findings]


# ---- what is kept -------------------------------------------------------------------------------


def test_an_examination_changes_nothing_of_a_fit(watched):
    plain = network()
    history = plain.fit(X, Y, validation_split=0.25, epochs=3, verbose=0).history
    assert [row["loss"] for row in watched.kept["history"]] == history["loss"]
    weights = zip(watched.model.get_weights(), plain.get_weights(), strict=True)
    assert all(np.array_equal(ours, theirs) for ours, theirs in weights)


def test_what_is_kept_is_strict_json_with_a_row_for_every_look(watched):
    kept = json.loads(json.dumps(watched.kept, allow_nan=False))
    assert [row["epoch"] for row in kept["history"]] == [1, 2, 3]
    for name in ("outputs", "weights", "gradients", "activations"):
        epochs = {row["epoch"] for row in kept[name]}
        assert {0, 3} <= epochs <= {0, 1, 2, 3}, name


def test_the_losses_of_steps_are_told_from_the_mean_that_keras_logs(watched):
    steps, means = watched.kept["steps"], [row["loss"] for row in watched.kept["history"]]
    assert [len(row["losses"]) for row in steps] == [3, 3, 3]  # 72 examples, 32 a batch
    sizes = np.array([32, 32, 8])
    for row, mean in zip(steps, means, strict=True):
        last = np.dot(row["losses"], sizes) / sizes.sum()
        assert np.isclose(np.mean(row["losses"]), mean, rtol=1e-4) or np.isclose(last, mean, 1e-4)


def test_weights_are_seen_to_move_from_where_they_began(watched):
    first, last = ([r for r in watched.kept["weights"] if r["epoch"] == at] for at in (0, 3))
    assert [row["moved"] for row in first] == [0.0, 0.0]
    assert all(0 < row["moved"] < 1 for row in last)
    assert [row["parameters"] for row in last] == [48, 16]


def test_batches_are_looked_at_where_there_are_no_arrays():
    batches = [(X[at : at + 16], Y[at : at + 16]) for at in range(0, 96, 16)]
    data = Examination(batches).kept["data"]
    assert data["examples"] == 96
    assert data["counts"] == np.bincount(Y).tolist()


def test_class_weights_and_the_order_are_read_as_fit_reads_them():
    order = np.argsort(Y, kind="stable")
    told = Examination(X[order], Y[order], shuffle=False, class_weight={0: 3.0, 1: 0.5}).kept
    assert told["data"]["commonest"] > 0.8 > told["data"]["commonest_if_drawn"]
    assert told["data"]["class_weights"] == [3.0, 0.5]


def test_a_copy_across_the_split_is_counted():
    kept = Examination(X, Y, validation_data=(np.concatenate([X[:6], X[:18] + 1]), Y[:24])).kept
    assert kept["data"]["overlap"] == 0.25


def test_labels_are_read_from_numbers_rows_and_columns():
    assert labels_of(np.eye(3)[[2, 0]]).tolist() == [2, 0]
    assert labels_of(np.array([[1.0], [0.0]])).tolist() == [1, 0]
    assert labels_of(np.array([0.5, 1.0])) is None
    assert labels_of(np.array([[0.2, 0.3]])) is None


def test_what_a_stopped_run_has_kept_is_cut_to_its_state(watched):
    cut = examined_until(1, watched.kept)
    assert {row["epoch"] for name in BY_EPOCH for row in cut[name]} == {0, 1}
    assert cut["data"] == watched.kept["data"]


# ---- what is found ------------------------------------------------------------------------------


def test_a_healthy_run_is_told_so(watched):
    report = watched.report()
    assert report.healthy, f"{report}"
    assert str(report).startswith("Nothing looks sick: ")
    assert report.looked_for >= 14
    assert report.to_json() == {"healthy": True, "looked_for": report.looked_for, "findings": []}


def test_a_finding_has_a_sign_with_its_number_a_cause_a_remedy_and_a_section():
    examination = Examination(X * 300, Y)
    network().fit(X * 300, Y, epochs=1, verbose=0, callbacks=[examination])
    first = examination.report().findings[0]
    assert first.name == "inputs out of range"
    assert re.search(r"standard deviation of \d{3}", first.sign)
    output = str(examination.report())
    assert all(word in output for word in ("1. Inputs out of range", "Likely cause", "Try", "Read"))


def test_fourteen_signs_and_more_are_known_and_each_can_be_read_about():
    ids = {section.anchor for entry in catalogue.discover() for section in sections(entry.name)}
    assert len(RULES) >= 14
    assert {section for *_, section in RULES.values()} <= ids


def test_rules_whose_numbers_were_not_kept_are_left_out(watched):
    whole = diagnose(watched.kept)
    little = diagnose({name: watched.kept[name] for name in ("first_loss", "batch", "gradients")})
    assert little.healthy
    assert 0 < little.looked_for < whole.looked_for
    assert diagnose({}).healthy


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_among_the_first_two_findings(name):
    report = trained(FAULTS[name].drawn(SEED)).report()
    assert name in found(report)[:2], f"{report}"


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.parametrize("seed", range(SEED, SEED + len(NETWORKS)))
def test_a_training_that_nobody_broke_is_healthy(seed):
    report = trained(healthy(seed)).report()
    assert report.healthy, f"{report}"


def test_faults_are_drawn_from_their_seed_in_three_networks_and_two_data_sets():
    for name, fault in FAULTS.items():
        drawn = [fault.drawn(seed) for seed in range(SEED, SEED + 10)]
        assert len({trial.network for trial in drawn}) >= 3, name
        assert len({trial.data for trial in drawn}) >= 2, name
        again = fault.drawn(SEED)
        assert np.array_equal(again.x, drawn[0].x, equal_nan=again.x.dtype.kind == "f"), name
        assert again.rate == drawn[0].rate


# ---- a run of our own ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a run whose inputs nobody has scaled."""
    folder = tmp_path_factory.mktemp("runs") / "sick"
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, "relu"),
                              keras.layers.Dense(2)])  # fmt: skip
    run = companion.train(
        model, (X * 300, Y), epochs=2, batch_size=16, output=folder, show_progress=False
    )
    assert found(run.examine())[0] == "inputs out of range"
    return folder


def test_a_run_of_last_week_is_examined_from_its_folder(folder, capfd, monkeypatch):
    from companion.cli import main

    monkeypatch.setattr("sys.argv", ["companion", "examine", str(folder), "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    output = json.loads(capfd.readouterr().out)
    assert end.value.code == 1
    assert output["findings"][0]["name"] == "inputs out of range"
    monkeypatch.setattr("sys.argv", ["companion", "examine", str(folder)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert "1. Inputs out of range" in capfd.readouterr().out


def test_a_run_that_kept_nothing_is_told_what_to_do(tmp_path, folder):
    from companion.training.run import read_examination

    (tmp_path / "run.json").write_text((folder / "run.json").read_text())
    with pytest.raises(UserError, match="examine=True"):
        read_examination(tmp_path)
    (tmp_path / "examination.json").write_text("[1]")
    with pytest.raises(UserError, match="damaged"):
        read_examination(tmp_path)


def test_a_run_that_breaks_in_its_first_epoch_can_be_examined(tmp_path):
    from companion.training.run import read_examination

    model = network()
    model.compile(keras.optimizers.SGD(1e38), model.loss, jit_compile=False)
    run = companion.train(
        model, (X, Y), epochs=1, batch_size=16, output=tmp_path / "run", show_progress=False
    )
    assert run.status == "diverged"
    assert not read_examination(tmp_path / "run").healthy


# What is true of two models after 200 steps: a branch of MINA is dead, and nineteen layers without
# normalization, under Glorot's weights, have not begun to learn.
SICK_AT_FIRST = {"mina": ["dead units"], "vgg_e": ["rate too low", "loss does not fall"]}


def findings_after_200_steps(name, folder, seed=0):
    """What the examination of a model of the catalogue finds, trained a little by its recipe."""
    _, card = catalogue.find_model(name)
    build, small = catalogue.builder(name), {**card.small}
    recipe = {key: value for key, value in card.recipe.items() if key not in ("epochs", "steps")}

    def builder(**told):
        return build(**small | told)

    run = companion.train(
        builder, card.data, **recipe, seed=seed, epochs=4, steps=200, output=folder / "run",
        show_progress=False,
    )  # fmt: skip
    return [one.name for one in run.examine().findings]


@pytest.mark.slow
@pytest.mark.drawn(10)
@pytest.mark.no_cover  # large networks
@pytest.mark.parametrize("name", sorted({*catalogue.models()} - {"conv3d_classifier"}))  # no data
def test_a_model_of_the_catalogue_is_healthy_after_200_steps(name, tmp_path):
    assert findings_after_200_steps(name, tmp_path) == SICK_AT_FIRST.get(name, [])


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
@pytest.mark.parametrize(("name", "seed"), [("vgg_a", 1), ("vgg_a", 2), ("vgg_b", 3)])
def test_no_seed_kills_a_stack_that_is_not_normalized(name, seed, tmp_path):
    assert findings_after_200_steps(name, tmp_path, seed) == []


# ---- the clinic ---------------------------------------------------------------------------------


def test_the_clinic_has_sixteen_cases_each_with_three_suspects_that_do_not_fit():
    assert len(CASES) == 16
    assert len({case.fault for case in CASES}) == 16
    for case in CASES:
        assert case.seed >= 100_000
        assert case.fault in FAULTS
        assert len(case.near) == 3
        assert case.fault not in case.near
        assert set(case.near) <= set(RULES)


def test_the_recorded_cases_show_their_fault_and_none_of_the_near_ones():
    seen = clinic.record["cases"]
    assert [one["fault"] for one in seen] == [case.fault for case in CASES]
    for case, one in zip(CASES, seen, strict=True):
        names = [name for name, _ in one["signs"]]
        assert case.fault in names[:2], case.fault
        assert not set(case.near) & set(names), case.fault
    assert data_files.recorded("gradients_clinic").stat().st_size < 300_000


def test_a_number_that_speaks_against_a_suspect_is_one_of_the_case():
    number = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
    for case, seen in zip(CASES, clinic.record["cases"], strict=True):
        known = [float(one) for one in number.findall(json.dumps(seen))]
        for name, sentence in case.near.items():
            for said in number.findall(sentence):
                places = len(said.partition(".")[2])
                assert any(f"{one:.{places}f}" == said for one in known), (case.fault, name, said)


def test_the_classes_of_a_case_are_those_it_trained_on():
    for case, seen in zip(CASES, clinic.record["cases"], strict=True):
        trial = FAULTS[case.fault].drawn(case.seed)
        trained_on = trial.y[: math.floor(len(trial.y) * (1 - trial.split_in_fit))]
        shown, there = (
            np.bincount(seen["labels"], minlength=99),
            np.bincount(trained_on, minlength=99),
        )
        assert (shown <= there).all(), case.fault


def test_a_case_on_the_page_asks_before_it_answers():
    output = clinic.case(1)
    assert "optimizers/README.html" not in output
    assert "../optimizers/index.html#learning-rate" in output
    assert output.count("??? question") == 4
    assert output.count("**Yes.**") == 1
    assert output.count("**No.**") == 3
    assert clinic.case(1) is output, "drawn once, for the page and for the notebook"


def test_a_wrong_suspect_is_told_what_speaks_against_it():
    def wrong(case):
        return "overfitting" if case in (4, 10) else exercises.name_the_fault(case)

    key = exercises.name_the_fault.answer_key(0)
    verdict = key.verdict(key.outcomes(wrong))
    assert re.match(r"Case (4|10) is not 'overfitting'\. .+", verdict.message)
    assert [exercises.name_the_fault(at) for at in range(1, 17)] == [one.fault for one in CASES]


def test_an_exercise_says_why_not_where_it_knows():
    @exercise()
    def capital(country):
        """Name the capital."""
        return {"Australia": "Canberra", "Brazil": "Brasília"}[country]

    @capital.cases
    def _(rng):
        yield "Australia"
        yield "Brazil"

    @capital.why
    def _(country, received):
        return {"Sydney": "It is the largest city."}.get(received)

    key = capital.answer_key(0)
    assert key.verdict(key.outcomes(lambda country: "Sydney")).message == "It is the largest city."
    assert "Perth" in key.verdict(key.outcomes(lambda country: "Perth")).message
    assert key.verdict(key.outcomes(capital)).message == "Right."


# ---- the judgement ------------------------------------------------------------------------------


def test_the_judgement_has_ten_runs_a_fault_and_160_healthy_ones():
    rows = examination_judged.rows()
    assert sum(level in HEALTHY for level, _ in rows) == 160
    assert all(sum(level == name for level, _ in rows) == 10 for name in FAULTS)
    assert len(FAULTS) >= 16
    assert set(FAULTS) <= set(NAMES)


@pytest.mark.slow
@pytest.mark.drawn
def test_a_row_of_the_judgement_holds_what_was_found():
    row = judged_row("leak", 100_000, quick=True)
    assert row["named"] == 1
    assert NAMES[int(row["first"])] == "leak"
    well = judged_row(HEALTHY[0], 100_000, quick=True)
    assert well["named"] == float(well["findings"] == 0)
