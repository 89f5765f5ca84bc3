"""Number formats: Python's and the page's are NumPy's and ml_dtypes', pattern by pattern."""

import math
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from javascript import in_javascript, needs_node
from numpy.testing import assert_array_equal

from chapters.practice import formats
from chapters.practice.formats import FORMATS

FOLDER = Path(formats.__file__).parent
DTYPES = {"float32": np.float32, "bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
HALF = ("bfloat16", "float16")
each = pytest.mark.parametrize("name", DTYPES)
floats = st.floats(width=32, allow_nan=False) | st.floats(-(2.0**-12), 2.0**-12, width=32)
EDGES = [
    0.0,
    -0.0,
    65504.0,
    65519.0,
    65520.0,
    -65520.0,
    2.0**-24,
    2.0**-25,
    1.5 * 2.0**-24,
    2.0**-14,
]
EDGES += [
    3.3895313892515355e38,
    3.4028234663852886e38,
    2049.0,
    2051.0,
    257.0,
    259.0,
    math.inf,
    -math.inf,
]
EDGES += [
    2.0**-126,
    2.0**-133,
    2.0**-134,
    2.0**-149,
    1 - 2.0**-12,
    1 - 2.0**-24,
    2.0**-14 - 2.0**-26,
]


def bits(values, name):
    """What NumPy or ml_dtypes stores for values."""
    unsigned = {32: np.uint32, 16: np.uint16}[FORMATS[name].bits]
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float64).astype(np.float32).astype(DTYPES[name]).view(unsigned)


def all_numbers(name):
    """Every number of 16 bits, as ml_dtypes or NumPy reads it."""
    with np.errstate(invalid="ignore"):  # not a number stays none
        return np.arange(2**16, dtype=np.uint16).view(DTYPES[name]).astype(np.float64)


def numbers(given):
    """What JSON cannot hold, from words."""
    return np.array([float(one) for one in given])


@pytest.mark.parametrize("name", HALF)
def test_all_patterns_of_16_bits_are_read_as_numpy_reads_them(name):
    ours = [FORMATS[name].decode(pattern) for pattern in range(2**16)]
    assert_array_equal(ours, all_numbers(name))
    finite = np.isfinite(ours)
    back = np.array([FORMATS[name].encode(one) for one in ours])
    assert_array_equal(back[finite], np.arange(2**16)[finite])  # −0 among them


@needs_node
@pytest.mark.parametrize("name", HALF)
def test_all_patterns_of_16_bits_are_read_and_written_on_the_page_as_in_numpy(name):
    read, written = in_javascript(
        FOLDER / "formats.js",
        """(f, name) => {
            const all = Array.from({ length: 65536 }, (_, pattern) => f.decode(name, pattern));
            return [all.map(String), all.map((value) => f.encode(name, value))];
        }""",
        name,
    )
    theirs = all_numbers(name)
    assert_array_equal(numbers(one.replace("Infinity", "inf") for one in read), theirs)
    kept = ~np.isnan(theirs)
    assert_array_equal(np.array(written)[kept], np.arange(2**16)[kept])


@each
@settings(max_examples=300)
@given(value=floats)
def test_a_number_is_rounded_as_numpy_rounds_it(name, value):
    assert FORMATS[name].encode(value) == bits(value, name)


@each
@pytest.mark.parametrize("value", EDGES)
def test_edges_are_rounded_as_numpy_rounds_them(name, value):
    assert FORMATS[name].encode(value) == bits(value, name)


@needs_node
@each
def test_the_page_rounds_as_python_does(name):
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 2**32, 5000, np.uint32).view(np.float32)
    values = [*EDGES, *patterns[np.isfinite(patterns)].tolist(), *rng.normal(size=1000).tolist()]
    received = in_javascript(
        FOLDER / "formats.js",
        "(f, [name, values]) => values.map((one) => f.encode(name, Number(one)))",
        [name, [str(one).replace("inf", "Infinity") for one in values]],
    )
    assert received == [FORMATS[name].encode(one) for one in values]


@each
def test_limits_are_numpys(name):
    theirs, ours = ml_dtypes.finfo(DTYPES[name]), FORMATS[name]
    assert ours.largest == float(theirs.max)
    assert ours.smallest_normal == float(theirs.smallest_normal)
    assert ours.smallest == float(theirs.smallest_subnormal)
    assert ours.epsilon == float(theirs.eps)


@needs_node
@pytest.mark.parametrize("name", HALF)
def test_neighbours_are_those_of_numpy(name):
    """From every number, upwards and downwards: `nextafter` knows float16; order says the rest."""
    up, down = in_javascript(
        FOLDER / "formats.js",
        """(f, name) => [true, false].map((up) =>
            Array.from({ length: 65536 }, (_, pattern) => f.neighbour(name, pattern, up)))""",
        name,
    )
    values = all_numbers(name)
    ordered = np.unique(values[np.isfinite(values)])
    for pattern in range(0, 2**16, 7):
        value = values[pattern]
        if not np.isfinite(value):
            continue
        at = int(np.searchsorted(ordered, value))
        above = ordered[at + 1] if at + 1 < len(ordered) else math.inf
        below = ordered[at - 1] if at else -math.inf
        assert (values[up[pattern]], values[down[pattern]]) == (above, below)
    infinite = FORMATS[name].encode(math.inf)
    assert (up[infinite], up[infinite + 1]) == (infinite, infinite + 1)  # nothing beyond; NaN stays


# ---- loss scale ---------------------------------------------------------------------------------

exponents = st.dictionaries(st.integers(-60, 20), st.integers(1, 1000), min_size=1)


@given(exponents, st.integers(0, 30), st.sampled_from(sorted(DTYPES)))
@example({-25: 1, -26: 1, -15: 1, 15: 1, 16: 1}, 0, "float16")
def test_a_gradient_within_an_octave_meets_the_fate_of_that_octave(counts, scale, name):
    """Its middle stands for it: half of the smallest number is where an octave begins."""
    shares = formats.fate(counts, scale, FORMATS[name])
    stored = {
        k: abs(FORMATS[name].decode(FORMATS[name].encode(1.5 * 2.0 ** (k + scale)))) for k in counts
    }
    total = sum(counts.values())

    def share(meets):
        return sum(count for k, count in counts.items() if meets(stored[k])) / total

    assert shares["zero"] == share(lambda value: value == 0)
    assert shares["infinite"] == share(math.isinf)
    assert sum(shares.values()) == pytest.approx(1)


@needs_node
@settings(max_examples=20, deadline=None)
@given(exponents, st.integers(0, 30), st.sampled_from(sorted(DTYPES)))
def test_the_page_says_the_same_of_a_loss_scale(counts, scale, name):
    received = in_javascript(
        FOLDER / "formats.js",
        "(f, [counts, scale, name]) => f.fate(counts, scale, name)",
        [counts, scale, name],
    )
    assert received == pytest.approx(formats.fate(counts, scale, FORMATS[name]))
