"""Transfer's data and studies: tasks of five classes, and verdicts read off the record."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import companion
from chapters.transfer import scratch, studies, verdicts
from chapters.transfer.fine_tuning import (
    flat_layers,
)
from chapters.transfer.sources import block_means, draw_letters, of_classes

# ---- data ---------------------------------------------------------------------------------------


def test_letters_are_drawn_by_the_seed_and_no_two_are_alike():
    split = draw_letters(each=8, seed=1)
    assert split.x.shape == (40, 8, 8, 1)
    assert split.x.dtype == np.float32
    assert 0 <= split.x.min() <= split.x.max() <= 1
    assert_array_equal(split.y, np.repeat(np.arange(5), 8))
    assert_array_equal(split.x, draw_letters(each=8, seed=1).x)
    assert len(np.unique(split.x.reshape(40, -1), axis=0)) == 40
    assert len(companion.load("letters").train) > 500


def test_blocks_are_replaced_by_their_means():
    images = np.arange(32.0).reshape(2, 4, 4)
    small = block_means(images, 2)
    assert small.shape == (2, 2, 2, 1)
    assert small[0, 0, 0, 0] == np.mean([0, 1, 4, 5])


def test_some_classes_of_a_data_set_are_numbered_from_0():
    digits = companion.load("digits")
    some = of_classes(digits, [2, 7])
    assert some.card.class_names == ("2", "7")
    assert len(some.test) == np.isin(digits.test.y, [2, 7]).sum()
    assert_array_equal(some.test.x, digits.test.x[np.isin(digits.test.y, [2, 7])])
    assert set(some.train.y) == {0, 1}


# ---- studies ------------------------------------------------------------------------------------


def test_every_task_of_the_studies_has_five_classes_and_images_of_the_bases_size():
    for task in studies.TASKS:
        data = studies.material(task)
        assert data.classes == studies.CLASSES
        assert data.train.x.shape[1:] == (8, 8, 1)
        assert 0 <= data.train.x.min() <= data.train.x.max() <= 1
        few = studies.few(data.train, 3, 0)
        assert_array_equal(np.bincount(few.y), [3] * 5)


@pytest.mark.parametrize("strategy", ["some", "all"])
def test_a_network_of_the_study_opens_what_fine_tuning_opens(strategy):
    opened = {
        f"{layer.name} {weight.name}"
        for layer in flat_layers(studies.network(strategy))
        for weight in layer.trainable_weights
    }
    assert opened == set(scratch.moving_arrays(scratch.TOWER, strategy))


@pytest.mark.slow
def test_a_row_is_the_same_whatever_was_trained_before():
    level = ("letters", "some", 3)
    first = studies.row(level, 1, quick=True)
    studies.row(("digits 5 to 9", "all", 3), 0, quick=True)
    assert studies.row(level, 1, quick=True) == first


def results_of(study, error):
    """Results whose test error is a function of level and seed."""
    from companion.studies.results import Results
    from companion.studies.storage import Row

    rows = tuple(
        Row(level=level, seed=seed, values={study.outcome: error(level, seed)}, seconds=0.0)
        for level, seed in study.rows()
    )
    return Results(study, False, rows)


def test_a_verdict_says_up_to_which_amount_a_base_helps():
    def error(level, seed):
        _, base, each = level
        helps = base == "head" and each <= 10
        return 0.2 - 0.1 * helps + 0.001 * seed

    results = results_of(studies.head_start, error)
    assert verdicts.helps_up_to(results, "head") == (10, 30)
    assert "up to 10 a class; with 30" in verdicts.head_start_verdict(results)
    none = results_of(studies.head_start, lambda level, seed: 0.2 + 0.001 * seed)
    assert "not shown to help" in verdicts.head_start_verdict(none)
    always = results_of(studies.head_start, lambda level, seed: 0.2 - 0.1 * (level[1] == "head"))
    assert "up to 100 a class, the most" in verdicts.head_start_verdict(always)


def test_a_verdict_holds_each_cell_of_the_matrix_to_the_record():
    def error(level, seed):
        task, base, _ = level
        wins = "head" if task == "digits 5 to 9" else "some"
        return 0.2 - 0.1 * (base == wins) + 0.001 * seed + 0.002 * (seed % 4) * (base == "all")

    held = verdicts.cells(results_of(studies.amount_and_similarity, error))
    assert len(held) == 2 * len(studies.TASKS)
    assert (held[0].advised, held[0].holds) == ("head", "best")
    letters = next(one for one in held if (one.task, one.each) == ("letters", studies.LARGE))
    assert (letters.advised, letters.best, letters.holds) == ("all", "some", "worse")
    words = verdicts.matrix_verdict(results_of(studies.amount_and_similarity, error))
    assert "letters: worse than some" in words
    assert "Little and similar (head): digits 5 to 9: best." in words
