"""The pattern notation: COMP7015's examples, one's own, and whatever else may be typed."""

import keras
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chapters.convnets import from_pattern
from chapters.convnets.pattern import MOST_LAYERS, PatternError, parse
from companion.errors import UserError

GENERAL = "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC"


@pytest.fixture(autouse=True)
def forget_models():
    yield
    keras.backend.clear_session(free_memory=False)


def words(pattern, **options):
    return " ".join(step.text for step in parse(pattern, **options))


def kinds(model):
    names = {"Conv2D": "CONV", "ReLU": "RELU", "MaxPooling2D": "POOL", "Dense": "FC"}
    found = (names.get(type(layer).__name__) for layer in model.layers)
    return " ".join(name for name in found if name)


@pytest.mark.parametrize(
    ("pattern", "layers", "parameters"),
    # The lecture's four examples; parameters for 28×28×1, 32 filters, 128 units, 10 classes.
    [
        ("INPUT -> FC", "FC", 784 * 10 + 10),
        ("INPUT -> CONV -> RELU -> FC", "CONV RELU FC", 320 + 25_088 * 10 + 10),
        (
            "INPUT -> [CONV -> RELU -> POOL]*2 -> FC -> RELU -> FC",
            "CONV RELU POOL CONV RELU POOL FC RELU FC",
            320 + 9248 + (1568 * 128 + 128) + 1290,
        ),
        (
            "INPUT -> [CONV -> RELU -> CONV -> RELU -> POOL]*3 -> [FC -> RELU]*2 -> FC",
            "CONV RELU CONV RELU POOL " * 3 + "FC RELU FC RELU FC",
            320 + 5 * 9248 + (288 * 128 + 128) + (128 * 128 + 128) + 1290,
        ),
    ],
)
def test_the_lectures_four_examples_are_built(pattern, layers, parameters):
    model = from_pattern(pattern)
    assert kinds(model) == layers
    assert model.output_shape == (None, 10)
    assert model.count_params() == parameters


def test_the_general_pattern_becomes_each_of_them_with_its_numbers():
    assert words(GENERAL, N=0, M=0, K=0) == "FC"
    assert words(GENERAL, N=1, M=1, K=0, optional=False) == "CONV RELU FC"
    assert words(GENERAL, N=1, M=2, K=1) == "CONV RELU POOL CONV RELU POOL FC RELU FC"
    assert words(GENERAL, N=2, M=3, K=2) == "CONV RELU CONV RELU POOL " * 3 + "FC RELU FC RELU FC"


@pytest.mark.parametrize(
    "pattern",
    [
        "input->conv->relu->fc",
        "  Input\n ->\tConv -> ReLU\r\n-> Fc  ",
        "INPUT → CONV → RELU → FC",
        "INPUT -> [CONV -> [RELU]] -> FC",
    ],
)
def test_white_space_case_and_brackets_to_spare_are_forgiven(pattern):
    assert words(pattern) == "CONV RELU FC"


def test_groups_nest_and_any_of_them_may_be_optional():
    pattern = "INPUT -> [[CONV -> [RELU]*2]*2 -> POOL]*2? -> FC"
    assert words(pattern) == "CONV RELU RELU CONV RELU RELU POOL " * 2 + "FC"
    assert words(pattern, optional=False) == "FC"


def test_filters_may_grow_with_every_pooling_and_kernel_and_units_are_ours_to_choose():
    pattern = "INPUT -> [CONV -> CONV -> POOL]*3 -> FC -> FC"
    model = from_pattern(pattern, (16, 16, 3), 4, filters=(5, 6), kernel=5, units=7)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [5, 5, 6, 6, 6, 6]
    assert {layer.kernel_size for layer in convolutions} == {(5, 5)}
    dense = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert dense == [7, 4]


@pytest.mark.parametrize(
    ("pattern", "column", "message"),
    [
        ("", 1, "expected INPUT. The pattern ends here"),
        ("CONV -> FC", 1, "expected INPUT. Received: 'CONV'"),
        ("INPUT", 6, "the last layer must be FC"),
        ("INPUT CONV", 7, "expected -> or the end. Received: 'CONV'"),
        ("INPUT -> CONVOLVE -> FC", 10, r"expected CONV, RELU, POOL, FC or \[. Received"),
        ("INPUT -> [CONV -> RELU -> FC", 29, r"expected -> or \]. The pattern ends here"),
        ("INPUT -> [CONV -> RELU]*-> FC", 25, "expected a number or a letter"),
        ("INPUT -> [CONV]*N -> FC", 17, "how often is N"),
        ("INPUT -> [] -> FC", 11, "expected CONV, RELU, POOL, FC"),
        ("INPUT -> FC -> ", 16, "expected CONV, RELU, POOL, FC"),
        ("INPUT -> CONV - FC", 15, "Received: '-'"),
        ("INPUT -> FC -> RELU", 16, "the last layer must be FC"),
        ("INPUT -> [CONV]*99999999999 -> FC", 17, "more than 100 layers"),
        ("INPUT -> [[CONV]*10]*11 -> FC", 22, "more than 100 layers"),
        ("INPUT -> [FC]?*3 -> FC", 15, "expected -> or the end"),
        ("INPUT -> FC -> CONV -> FC", 16, "no image left for CONV"),
        ("INPUT -> [POOL]*6 -> FC", 11, "nothing is left to pool: maps of 1×1"),
    ],
)
def test_a_wrong_pattern_is_pointed_at_and_told_what_could_stand_there(pattern, column, message):
    with pytest.raises(PatternError, match=message) as caught:
        from_pattern(pattern)
    assert caught.value.column == column
    shown, caret, _ = str(caught.value).split("\n", 2)
    assert caret == " " * (column - 1) + "^"
    assert shown == pattern


def test_the_caret_of_a_long_pattern_points_at_the_place_too():
    pattern = "INPUT" + " -> CONV" * 40 + " -> CONF -> FC"
    with pytest.raises(PatternError) as caught:
        parse(pattern)
    shown, caret, _ = str(caught.value).split("\n", 2)
    assert shown[caret.index("^") :].startswith("CONF")
    assert pattern[caught.value.column - 1 :].startswith("CONF")


@pytest.mark.parametrize(
    ("repeats", "message"),
    [
        ({"N": -1}, "N is a whole number from 0. Received: N=-1"),
        ({"N": 1.5}, "Received: N=1.5"),
        ({"N": 1, "unit": 3}, "There is no UNIT in the pattern"),
    ],
)
def test_a_wrong_number_for_a_letter_is_named(repeats, message):
    with pytest.raises(UserError, match=message):
        from_pattern("INPUT -> [CONV]*N -> FC", **repeats)


def test_a_network_that_would_not_fit_is_refused_before_it_is_built():
    with pytest.raises(PatternError, match="more than 100,000,000 weights by now: put a POOL"):
        from_pattern("INPUT -> CONV -> FC", (1000, 1000, 3), filters=64)


PIECES = ["INPUT", "->", "CONV", "RELU", "POOL", "FC", "[", "]", "*", "?", "2", "N", " ", "0", "→"]
patterns = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join),
    st.lists(st.sampled_from([*PIECES[2:], "\x00", "²", "ß", "999"]), max_size=20).map(
        lambda pieces: "INPUT -> " + "".join(pieces)
    ),
)


def outcome(read):
    """What came of it: a result, or the error that the reader is meant to see."""
    try:
        return read(), None
    except UserError as error:
        return None, error


@settings(max_examples=1000)
@given(pattern=patterns, times=st.integers(0, 10**6), optional=st.booleans())
def test_anything_is_read_or_pointed_at(pattern, times, optional):
    letters = {"N": times} if "N" in pattern.replace("INPUT", "") else {}
    steps, error = outcome(lambda: parse(pattern, optional=optional, **letters))
    if isinstance(error, PatternError):
        assert 1 <= error.column <= len(pattern) + 1
        assert "\n" in str(error)
    elif error:
        assert "to stand for a number" in str(error)  # the N was part of another word
    else:
        assert steps[-1].text == "FC"
        assert len(steps) <= MOST_LAYERS


def described():
    """Patterns of the grammar itself: most of them are networks."""
    layer = st.sampled_from(["CONV", "RELU", "POOL", "CONV -> RELU"])
    groups = st.recursive(
        layer,
        lambda inner: st.builds(
            lambda items, times, mark: f"[{' -> '.join(items)}]{times}{mark}",
            st.lists(inner, min_size=1, max_size=3),
            st.sampled_from(["", "*0", "*1", "*2", "*3", "*9"]),
            st.sampled_from(["", "?"]),
        ),
        max_leaves=5,
    )
    head = st.sampled_from([" -> FC", " -> [FC -> RELU]*2 -> FC", " -> FC -> CONV -> FC", ""])
    return st.builds(
        lambda items, end: " -> ".join(["INPUT", *items]) + end, st.lists(groups, max_size=3), head
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pattern=described(), optional=st.booleans(), size=st.integers(1, 20))
def test_any_pattern_ends_in_a_model_or_in_that_error(pattern, optional, size):
    model, error = outcome(
        lambda: from_pattern(pattern, (size, size, 1), 3, filters=2, units=4, optional=optional)
    )
    if error:
        assert 1 <= error.column <= len(pattern) + 1
        return
    assert kinds(model) == words(pattern, optional=optional)
    assert model.output_shape == (None, 3)
