"""How two models differ in how they are built."""

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

from companion.checking.authoring.structure import Reason, reasons_in_structure, takes


def differences(expected, received, shape=(8, 8, 1)):
    return reasons_in_structure(model(*expected, shape=shape), model(*received, shape=shape))


L2 = {"class_name": "L2", "config": {"l2": 0.01}}


@pytest.mark.parametrize(
    ("expected", "received", "reasons"),
    [
        (NET, NET, []),
        (
            NET,
            [
                conv(padding="same", strides=[2, 2], shape=(8, 8, 4)),
                layer("Flatten", (256,)),
                dense("D5", inputs=256),
            ],
            [
                Reason("C1 (Conv2D): padding is 'same', expected 'valid'; strides is (2, 2), "
                       "expected None."),
                Reason("C1 (ReLU) is right in itself, but what reaches it has another shape: its "
                       "output is (8, 8, 4), expected (6, 6, 4).", rank=2),
                Reason("flatten (Flatten) is right in itself, but what reaches it has another "
                       "shape: its output is (256,), expected (144,).", rank=2),
                Reason("+1,120 parameters: D5 (Dense) is right in itself, but what reaches it has "
                       "another shape: its output is (10,), expected (10,).", rank=2),
            ],
        ),
        (
            NET,
            [conv(), FLAT, dense("D5", 12, kernel_regularizer=L2)],
            [
                Reason("+290 parameters: D5 (Dense): units is 12, expected 10."),
                Reason("+290 parameters: D5 (Dense): kernel_regularizer is L2(l2=0.01), expected "
                       "None.", in_use=False),
            ],
        ),
        (
            [DROP],
            [layer("Dropout", (144,), rate=0.5)],
            [Reason("dropout (Dropout): rate is 0.5, expected 0.2.", in_use=False)],
        ),
        (
            [DROP],
            [layer("Dropout", (144,), rate=0.2, call={"training": True})],
            [Reason("dropout (Dropout) is called with training=True: it does in use what belongs "
                    "into training.")],
        ),
        (
            [DROP],
            [layer("Dropout", (144,), rate=0.2, call={"training": False})],
            [Reason("dropout (Dropout) is called with training=False.")],
        ),
        (
            [layer("Dropout", (144,), rate=0.2, call={"training": True})],
            [DROP],
            [Reason("dropout (Dropout): training is None, expected True.")],
        ),
        (
            [D5],
            [dense("D5", trainable=False)],
            [Reason("D5 (Dense) is frozen (trainable=False): it never learns.", in_use=False)],
        ),
        (
            [dense("D5", trainable=False)],
            [dense("D5", trainable=True)],
            [Reason("D5 (Dense): trainable is True, expected False.", in_use=False)],
        ),
        (
            [layer("Dense", (10,), 1450, "D5", use_bias=True)],
            [layer("Dense", (10,), 1440, "D5", use_bias=False)],
            [Reason("-10 parameters: D5 (Dense) has no biases (use_bias=False); expected some.")],
        ),
        (
            [layer("Dense", (10,), 1440, "D5", use_bias=False)],
            [layer("Dense", (10,), 1450, "D5", use_bias=True)],
            [Reason("+10 parameters: D5 (Dense) has biases; expected none.")],
        ),
        (
            [READS],
            [layer("LSTM", (16,), 99, "lstm", activation="relu", recurrent_activation="sigmoid")],
            [Reason("The activation of lstm is 'relu', expected 'tanh'.")],
        ),
        (
            [READS],
            [layer("LSTM", (16,), 99, "lstm", activation="tanh", recurrent_activation="tanh")],
            [Reason("The recurrent_activation of lstm is 'tanh', expected 'sigmoid'.")],
        ),
        (
            NET,
            [conv(activation="tanh"), FLAT, D5],
            [Reason("The activation of C1 is 'tanh', expected 'relu'.")],
        ),
        # what is missing
        (
            [conv(), DROP_MAPS, FLAT, D5],
            NET,
            [Reason("A Dropout is missing: behind the ReLU.", in_use=False)],
        ),
        (
            [FLAT, DROP, D5, layer("Dropout", (10,), rate=0.2)],
            [FLAT, DROP, D5],
            [Reason("A Dropout is missing: behind the Dense.", in_use=False)],
        ),
        ([MASK, D5], [D5], [Reason("A Masking is missing: at the very beginning.")]),
        (
            [layer("ReLU", (8, 5), name="re_lu"), D5],
            [D5],
            [Reason("A ReLU is missing: at the very beginning.")],
        ),
        (
            [FLAT, layer("ReLU", (144,), name="re_lu")],
            [FLAT],
            [Reason("A ReLU is missing: behind the Flatten.")],
        ),
        (
            NET,
            [conv("conv2d", activation=None), FLAT, D5],
            [Reason("conv2d (Conv2D) has no activation; expected 'relu'.")],
        ),
        ([FLAT, D5], [FLAT], [Reason("-1,450 parameters: D5 (Dense) is missing.")]),
        ([D5, FLAT], [D5], [Reason("A Flatten is missing: behind the Dense.", rank=1)]),
        (
            [dense(), DROP, dense("D2", 10, 10)],
            [dense(), dense("D2", 10, 10)],
            [Reason("A Dropout is missing: behind the first Dense.", in_use=False)],
        ),
        *(
            (
                [*[dense("D", 10, 10)] * number, DROP],
                [dense("D", 10, 10)] * number,
                [Reason(f"A Dropout is missing: behind the {which} Dense.", in_use=False)],
            )
            for number, which in ((2, "second"), (6, "sixth"), (7, "7th"))
        ),
        # what is one too many, or another, or elsewhere
        ([D5], [D5, layer("ReLU", (10,), name="r")], [Reason("r (ReLU) is one layer too many.")]),
        (
            [D5],
            [D5, dense("H", 2, 10)],
            [Reason("+22 parameters: H (Dense) is one layer too many.")],
        ),
        (
            [D5],
            [dense("D5", activation="tanh")],
            [Reason("D5 (Dense) has activation='tanh'; expected none.")],
        ),
        (
            [layer("MaxPooling2D", (3, 3, 4), name="max_pooling2d")],
            [layer("AveragePooling2D", (3, 3, 4), name="average_pooling2d")],
            [Reason("average_pooling2d is an AveragePooling2D here; expected a MaxPooling2D.")],
        ),
        (
            [conv("C5", activation=None)],
            [layer("Dense", (10,), 40)],
            [Reason("C5 is a Dense here; expected a Conv2D; the same count.")],
        ),
        (
            [conv("C5", activation=None)],
            [layer("Dense", (10,), 42)],
            [Reason("+2 parameters: C5 is a Dense here; expected a Conv2D.")],
        ),
        (
            [dense("D1"), dense("D2", 10, 10), DROP],
            [DROP, dense("D1"), dense("D2", 10, 10)],
            [Reason("The order: dropout (Dropout) stands at the very beginning; it belongs behind "
                    "the second Dense.", in_use=False)],
        ),
    ],
)  # fmt: skip
def test_each_difference_between_two_models_is_a_reason(expected, received, reasons):
    assert differences(expected, received) == reasons


def test_inputs_and_outputs_are_counted_first():
    expected = model(FLAT, D5, shape=(None, 5))
    received = model(FLAT, D5, shape=(20, 5), outputs=[1, 0])
    assert reasons_in_structure(expected, received) == [
        Reason("The model's input is (20, 5); expected (None, 5)."),
        Reason("The model has 2 outputs; expected 1 output."),
    ]


@pytest.mark.parametrize(
    ("received", "result"),
    [
        ([(8, 5), (3,)], True),
        ([(None, 5), (3,)], True),
        ([(9, 5), (3,)], False),
        ([(8, 5, 1), (3,)], False),
        ([(8, 5)], False),
    ],
)
def test_a_model_takes_its_inputs_if_every_length_fits(received, result):
    assert takes([(8, 5), (3,)], received) is result


@pytest.mark.parametrize(
    ("expected", "received", "lost"),
    [
        ([MASK, READS], [MASK, LOST, READS], True),
        ([MASK, layer("GRU", (8, 5), 9, masked=True), READS], [MASK, LOST, READS], True),
        ([MASK, D5], [MASK, LOST, D5], False),
        ([MASK, LOST, READS], [MASK, LOST, READS], False),
        ([DROP, MASK, READS], [DROP, READS], False),
        ([MASK, layer("Dropout", (8, 5), rate=0.2, masked=True), READS], [MASK, READS], False),
    ],
)
def test_a_layer_that_loses_a_mask_is_told_where_another_needs_it(expected, received, lost):
    reasons = differences(expected, received, shape=(8, 5))
    told = Reason(NO_MASK, in_training=False, rank=-1)
    assert (told in reasons) is lost
    if lost:
        assert reasons[0] == told
        assert len(reasons) > 1


@pytest.mark.parametrize(
    ("masked", "zeros", "text"),
    [
        (True, False, "repeats its last output at a masked step; expected zeros there"),
        (None, False, "repeats its last output at a masked step; expected zeros there"),
        (True, True, "writes zeros at a masked step (zero_output_for_mask); expected its last"),
        (False, False, None),
    ],
)
def test_what_is_written_at_masked_steps_counts_where_there_may_be_some(masked, zeros, text):
    before = layer("Masking", (8, 5), masked=masked)
    rows = [
        [before, layer("GRU", (8, 4), 99, "gru", zero_output_for_mask=one)]
        for one in (not zeros, zeros)
    ]
    reasons = differences(*rows, shape=(8, 5))
    if text is None:
        assert reasons == []
    else:
        assert [(one.in_use, one.in_training, one.rank) for one in reasons] == [(True, False, 2)]
        assert f"gru (GRU) {text}" in reasons[0].text


RNN = {"units": 4, "activation": "tanh", "return_sequences": True, "use_bias": True}
BOTH_WAYS = layer(
    "Bidirectional",
    (8, 8),
    80,
    layer={"class_name": "SimpleRNN", "config": {**RNN, "go_backwards": False}},
    backward_layer={"class_name": "SimpleRNN", "config": {**RNN, "go_backwards": True}},
    merge_mode="concat",
)


def two_ways(*behind, forward=None, backward=None, merged="Concatenate", flip=True):
    """A mask, two layers that read it there and back, what merges them, and what comes behind."""
    there = {**RNN, "go_backwards": False, **(forward or {})}
    back = {**RNN, "go_backwards": True, **(backward or {})}
    layers = [
        layer("Masking", (8, 5)),
        layer("SimpleRNN", (8, 4), 40, "there", **there),
        layer("SimpleRNN", (8, 4), 40, "back", **back),
        layer(merged, (8, 8), name="merged"),
        *behind,
    ]
    sources = [[-1], [0], [0], [1, 2], *([3 + n] for n in range(len(behind)))]
    if flip:
        layers.insert(3, layer("Flip", (8, 4), axis=1))
        sources = [[-1], [0], [0], [2], [1, 3], *([4 + n] for n in range(len(behind)))]
    return model(*layers, sources=sources)


TAG = layer("Dense", (8, 3), 27, "tag", units=3)


@pytest.mark.parametrize(
    ("received", "texts"),
    [
        (two_ways(TAG), []),
        (
            two_ways(TAG, merged="Add"),
            ["there (Bidirectional(SimpleRNN)): merge_mode is 'sum', expected 'concat'."],
        ),
        (
            two_ways(TAG, flip=False),
            [
                "there (SimpleRNN): what reads backwards gives its last step first; turn its "
                "output around before the two are merged."
            ],
        ),
        (
            two_ways(TAG, backward={"activation": "relu"}),
            ["there (Bidirectional(SimpleRNN)): backward activation is 'relu', expected None."],
        ),
        (
            two_ways(TAG, forward={"activation": "relu"}),
            ["The activation of there is 'relu', expected 'tanh'."],
        ),
        (
            two_ways(layer("Dense", (8, 3), 30, "tag", units=3)),
            [
                "+3 parameters: tag (Dense) is right in itself, but what reaches it has another "
                "shape: its output is (8, 3), expected (8, 3)."
            ],
        ),
    ],
)
def test_two_layers_that_read_both_ways_are_a_bidirectional_one(received, texts):
    expected = model(layer("Masking", (8, 5)), BOTH_WAYS, TAG)
    assert [one.text for one in reasons_in_structure(expected, received)] == texts


def test_two_layers_that_read_both_ways_with_another_in_between_stay_two():
    parts = [
        layer("SimpleRNN", (8, 4), 40, "there", **RNN, go_backwards=False),
        layer("SimpleRNN", (8, 4), 40, "back", **RNN, go_backwards=True),
        layer("Flip", (8, 4), axis=1),
        layer("Dense", (8, 4), 20, "between"),
        layer("Concatenate", (8, 8), name="merged"),
    ]
    inside = model(*parts, sources=[[-1], [-1], [1], [2], [0, 3]])
    apart = model(*parts[:2], sources=[[-1], [-1]], outputs=[0, 1])
    for received in (inside, apart):
        texts = [one.text for one in reasons_in_structure(model(BOTH_WAYS), received)]
        assert any("is a SimpleRNN here" in text or "too many" in text for text in texts), texts
