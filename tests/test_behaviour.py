"""How two models differ in what they compute."""

import json

import numpy as np
import pytest
from model_descriptions import (
    D5,
    DROP,
    DROP_MAPS,
    FLAT,
    LOST,
    MASK,
    NET,
    NO_MASK,
    READS,
    conv,
    dense,
    layer,
    model,
)

from companion.checking.authoring.architecture import model_difference, order_remark, table
from companion.checking.authoring.behaviour import fault_in_behaviour
from companion.checking.authoring.models import ModelCase, draw_inputs
from companion.checking.authoring.structure import Reason

# -- how two models differ in what they compute ---------------------------------------------------


GLOROT = {"class_name": "GlorotUniform", "config": {"seed": 1}}
HE = {"class_name": "HeNormal", "config": {"seed": 2}}
RANDOM, ZERO = [1.0, 0.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0]


def net(**config):
    config = {"units": 3, "dtype": "float32", "kernel_initializer": GLOROT, **config}
    return model(layer("Dense", (3,), 18, "D1", **config), shape=(5,))


def results(**changed):
    """What `measured` returns of a model of one dense layer."""
    usual = {
        "outputs": [np.ones((2, 3))],
        "training": [np.ones((2, 3))],
        "after": [np.ones((2, 3))],
        "penalty": np.asarray(0.002),
        "masked": np.array([False]),
        "names": ["0 kernel", "0 bias"],
        "trainable": np.array([True, True]),
        "starts": np.array([RANDOM, ZERO]),
        "limits": np.array([0.3, 1.0]),
        "orders": 1,
    }
    return usual | changed


def fault(expected=None, received=None, **changed):
    return fault_in_behaviour(
        expected or net(), received or net(), results(), results(**changed), 1e-6, 1e-9
    )


TWICE = [2 * np.ones((2, 3))]


@pytest.mark.parametrize(
    ("changed", "text", "where"),
    [
        (
            {"outputs": TWICE * 2},
            "The model has 2 outputs; expected 1 output.",
            (True, True, -1),
        ),
        ({"outputs": TWICE}, "The layers are right, but they are wired differ", (True, False, 0)),
        ({"training": TWICE}, "In use the model is right; in training, under", (False, True, 0)),
        ({"after": TWICE}, "The model is right until it is trained; after a", (False, True, 0)),
        (
            {"penalty": np.asarray(0.001)},
            "The penalty on the weights is 0.001 where 0.002 is due.",
            (False, True, 0),
        ),
        (
            {"names": ["0 kernel"]},
            "The layers are right in use, but they have other weights.",
            (False, True, 0),
        ),
        (
            {"trainable": np.array([True, False])},
            "D1 (Dense): its bias is frozen (trainable=False): it never learns.",
            (False, True, -1),
        ),
        (
            {"starts": np.array([RANDOM, [0.0, 1.0, 0.0, 3.0]])},
            "D1 (Dense): its bias starts at ones; expected zeros.",
            (False, True, 0),
        ),
        (
            {"limits": np.array([1.0, 1.0])},
            "A constraint on the weights differs.",
            (False, True, 0),
        ),
    ],
)
def test_what_two_models_compute_is_compared_in_use_and_in_training(changed, text, where):
    found = fault(**changed)
    assert found.text.startswith(text)
    assert (found.in_use, found.in_training, found.rank) == where
    assert fault() is None


def test_an_input_that_does_not_fit_and_what_is_frozen_in_the_reference_are_told():
    other = model(layer("Dense", (3,), 18, "D1"), shape=(7,))
    assert fault(received=other) == Reason("The model's input is (7,); expected (5,).", rank=-1)
    frozen = results(trainable=np.array([True, False]))
    found = fault_in_behaviour(net(), net(), frozen, results(), 1e-6, 1e-9)
    assert found.text == "D1 (Dense): its bias is trained; expected frozen."


@pytest.mark.parametrize(
    ("expected", "received", "bits"),
    [
        ("float32", "float32", None),
        ("float32", "float64", None),
        ("float32", "float16", "16 bits (its dtype); expected 32, as in float32."),
        ("float32", "bfloat16", "16 bits (its dtype); expected 32, as in float32."),
        ("float16", "float16", None),
        ("float64", "float32", None),
        ("float32", "int32", None),
    ],
)
def test_numbers_of_fewer_bits_than_are_asked_for_are_told(expected, received, bits):
    found = fault(net(dtype=expected), net(dtype=received))
    inner = {"class_name": "SimpleRNN", "config": {"dtype": received}}
    within = fault(net(dtype=expected), net(dtype="float32", layer=inner))
    if bits is None:
        assert found is within is None
    else:
        assert found == Reason(f"D1 (Dense) computes in numbers of {bits}", rank=-1)
        assert within.text.endswith(bits)


@pytest.mark.parametrize(
    ("expected", "received", "starts", "text"),
    [
        (GLOROT, HE, (RANDOM, RANDOM), None),
        (GLOROT, GLOROT, (RANDOM, [1.0, 0.0, 0.075, 0.0]), None),
        (GLOROT, GLOROT, (RANDOM, [1.0, 0.0, 4.5, 0.0]), None),
        (
            GLOROT,
            GLOROT,
            (RANDOM, [1.0, 0.0, 0.04, 0.0]),
            "starts with a spread of 0.04; 0.5 is usual",
        ),
        (
            GLOROT,
            GLOROT,
            (RANDOM, [1.0, 0.0, 6.0, 0.0]),
            "starts with a spread of 6; 0.5 is usual",
        ),
        (HE, {**HE, "config": {"seed": 7}}, (RANDOM, RANDOM), None),
        (HE, GLOROT, (RANDOM, RANDOM), "starts by GlorotUniform(); expected HeNormal()"),
        (
            GLOROT,
            None,
            (RANDOM, ZERO),
            "starts at zeros, so that its units stay alike; expected random values",
        ),
        (
            GLOROT,
            None,
            (RANDOM, [0.0, 0.2, 0.4, 5.0]),
            "starts at other values; expected random values",
        ),
        (None, GLOROT, (ZERO, RANDOM), "starts at random; expected zeros"),
        (None, None, (ZERO, ZERO), None),
        (
            None,
            None,
            ([0.0, 0.25, 0.0, 26.25], [0.0, 1.0, 0.0, 105.0]),
            "starts at ones; expected 0.25",
        ),
        (
            None,
            None,
            (ZERO, [0.0, 1e-4, 0.0, 0.01]),
            "starts at 0.0001; expected zeros",
        ),
    ],
)
def test_a_weight_starts_as_it_is_asked_to_and_any_usual_start_is_as_good(
    expected, received, starts, text
):
    rows = [results(starts=np.array([one, ZERO])) for one in starts]
    graphs = net(kernel_initializer=expected), net(kernel_initializer=received)
    found = fault_in_behaviour(*graphs, *rows, 1e-6, 1e-9)
    assert (found and found.text) == (text and f"D1 (Dense): its kernel {text}.")


def of(graph, **changed):
    """A description with what its model computes, which tells where there are masks."""
    masked = np.array([bool(call["masked"]) for call in graph["calls"]])
    calls = [{**call, "masked": None} for call in graph["calls"]]
    text = json.dumps({**graph, "calls": calls})
    return {"graph": text, "measured": results(masked=masked, **changed)}


def compared(expected, received):
    return model_difference(expected, received, rtol=1e-6, atol=1e-9)


def hidden_layer(rate, activation, frozen=False):
    return model(
        layer("Dropout", (5,), rate=rate),
        layer("Dense", (3,), 18, "D", units=3, activation=activation, trainable=not frozen),
        shape=(5,),
    )


@pytest.mark.parametrize(
    ("received", "text"),
    [
        (of(hidden_layer(0.2, "tanh")), None),
        (of(hidden_layer(0.5, "relu")), None),  # what they compute decides
        (
            of(hidden_layer(0.5, "relu"), outputs=TWICE),
            "The activation of D is 'relu', expected 'tanh'.",
        ),
        (
            of(hidden_layer(0.5, "tanh"), outputs=TWICE),
            "The layers are right, but they are wired differently",
        ),
        (
            of(hidden_layer(0.5, "relu"), training=TWICE),
            "dropout (Dropout): rate is 0.5, expected 0.2.",
        ),
        (
            of(hidden_layer(0.2, "relu"), training=TWICE),
            "The activation of D is 'relu', expected 'tanh'.",
        ),
        (
            of(hidden_layer(0.2, "tanh", frozen=True), trainable=np.array([False, True])),
            "dropout (Dropout): its kernel is frozen (trainable=False): it never learns.",
        ),
        (
            {"graph": json.dumps(hidden_layer(0.2, "tanh")), "refused": "it is too large"},
            "The model cannot be run to be compared: it is too large",
        ),
        (
            {"graph": json.dumps(hidden_layer(0.2, "relu")), "refused": "it is too large"},
            "The activation of D is 'relu', expected 'tanh'.",
        ),
        ({"hidden": "L is a Lambda layer."}, "L is a Lambda layer."),
        (3, "The answer is no description of a Keras model."),
    ],
)
def test_the_layers_explain_what_two_models_compute_otherwise(received, text):
    said = compared(of(hidden_layer(0.2, "tanh")), received)
    assert said.startswith(text) if text else said is None


def test_models_that_are_not_run_are_compared_by_their_layers():
    plain = {"graph": json.dumps(model(*NET, shape=(8, 8, 1)))}
    wider = [conv(padding="same", shape=(8, 8, 4)), layer("Flatten", (256,)), D5]
    other = {"graph": json.dumps(model(*wider, shape=(8, 8, 1)))}
    assert compared(plain, plain) is None
    assert compared(plain, other) == "C1 (Conv2D): padding is 'same', expected 'valid'."
    hidden = {"hidden": "own is code of your own."}
    assert compared(hidden, hidden) is None
    assert compared(hidden, plain) == "A model can be looked into."


def test_a_mask_that_is_lost_in_a_run_explains_other_outputs():
    expected = of(model(MASK, READS))
    received = of(model(MASK, LOST, READS), outputs=TWICE)
    assert compared(expected, received) == NO_MASK


def test_a_layer_at_another_place_that_does_no_harm_is_remarked():
    expected = {"graph": json.dumps(model(dense("D1"), dense("D2", 10, 10), DROP))}
    received = {"graph": json.dumps(model(DROP, dense("D1"), dense("D2", 10, 10)))}
    remark = order_remark(expected, received)
    assert remark.startswith("The order: dropout (Dropout) stands at the very beginning; ")
    assert remark.endswith("behind the second Dense. Here that computes the same.")
    assert order_remark(expected, expected) == ""


def test_two_models_are_shown_side_by_side():
    expected = {"graph": json.dumps(model(*NET, shape=(8, 8, 1)))}
    layers = [conv(), DROP_MAPS, FLAT, dense("D5", 12)]
    received = {"graph": json.dumps(model(*layers, shape=(8, 8, 1)))}
    lines = [" ".join(line.split()) for line in table(expected, received).splitlines()]
    assert lines == [
        "expected received",
        "Conv2D 6×6×4 40 Conv2D 6×6×4 40",
        "ReLU 6×6×4 ReLU 6×6×4",
        "≠ — Dropout 6×6×4",
        "Flatten 144 Flatten 144",
        "≠ Dense 10 1,450 Dense 12 1,740",
        "1,490 parameters 1,780 parameters",
    ]
    assert table(expected, {"hidden": "own"}) == table(expected, 3) == ""


def case_of(expected, **options):
    plain = {"given": {}, "arguments": [], "keywords": {}, "rtol": 1e-6, "atol": 1e-9}
    return ModelCase(expected=expected, **plain, **options)


def test_wrong_models_are_alike_where_they_compute_alike_whatever_their_random_starts():
    case = case_of(of(net()))
    one, other, third = (
        case.computed(of(net(), outputs=TWICE, starts=np.array([row, ZERO])))
        for row in (RANDOM, [1.0, 0.7, 0.4, 9.0], [0.0, 0.7, 0.4, 9.0])
    )
    np.testing.assert_equal(one, other)
    assert one["random"].tolist() == [1, 0]
    assert third["starts"].tolist() == [0.7, 0]
    refused = {"graph": json.dumps(net(units=4)), "refused": "no"}
    assert case.computed(refused) == "D1 (Dense): units is 4, expected 3."


def test_of_equal_layers_any_may_be_the_first():
    asked = []

    def measure(text, inputs, seed, order):
        asked.append(order)
        return results(orders=3, outputs=[np.full((2, 3), abs(2.0 - order) + 1)])

    given, inputs = {"graph": json.dumps(net())}, [np.ones((2, 5))]
    found = case_of(of(net()), inputs=inputs).completed(given, measure)
    assert asked == [0, 1, 2]
    assert found["measured"]["outputs"][0].max() == 1
    none_fits = case_of(of(net(), outputs=[np.zeros((2, 3))]), inputs=inputs)
    assert none_fits.completed(given, measure)["measured"]["outputs"][0].max() == 3
    assert asked == [0, 1, 2] * 2
    assert case_of(of(net())).completed(given, measure) == given


# -- inputs for models ----------------------------------------------------------------------------


def drawn(*layers, shape=(8, 5), dtype="float32"):
    graph = model(*(layers or [FLAT]), shape=shape)
    graph["inputs"][0][1] = dtype
    (batch,) = draw_inputs(graph, np.random.default_rng(0))
    return batch


def test_inputs_have_a_length_where_none_is_given_and_end_in_padding():
    assert drawn(shape=(None, 5)).shape == (4, 8, 5)
    assert drawn(shape=(None, None, 3)).shape == (4, 32, 32, 3)
    for length, first in ((8, 6), (10, 8)):
        batch = drawn(shape=(length, 5))
        assert (batch[1, first:] == 0).all()
        assert (batch[1, :first] != 0).all()
        assert (batch[[0, 2, 3]] != 0).all()
    assert (drawn(shape=(40,)) != 0).all(), "numbers in no order have no padding"
    padded = drawn(layer("Masking", (8, 5), mask_value=-1.0))
    assert (padded[1, 6:] == -1).all()


def test_inputs_are_of_every_size_and_numbers_of_words_where_they_are_looked_up():
    spread = abs(drawn(shape=(40,))).mean(axis=1)
    assert 10 * spread[2] > spread[0] / 3
    assert spread[3] > 10 * spread[0] > 50 * spread[2]
    for batch in (
        drawn(layer("Embedding", (8, 4), input_dim=3), shape=(200,)),
        drawn(layer("Embedding", (8, 4), input_dim=3), shape=(200,), dtype="int32"),
    ):
        assert set(np.delete(batch, 1, axis=0).ravel()) == {0, 1, 2}
        assert (batch[1, 150:] == 0).all()
    numbers = drawn(layer("Masking", (200, 2), mask_value=7), shape=(200, 2), dtype="int64")
    assert numbers.dtype == np.int64
    assert len(set(numbers[0].ravel())) > 3
    assert (numbers[1, 150:] == 0).all()
