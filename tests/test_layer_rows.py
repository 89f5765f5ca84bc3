"""A model's description, read as rows of layers."""

import json

import pytest
from model_descriptions import DROP, FLAT, conv, dense, layer, model

from companion.checking.authoring.graph import (
    LayerRow,
    class_of,
    flat_config,
    layer_rows,
    read_graph,
    size_text,
    value_text,
)

RELU = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}


def test_a_layer_is_a_row_with_what_reaches_it_and_an_activation_is_another():
    found = layer_rows(model(FLAT, dense("D", activation="relu", call={"training": True})))
    config = {"units": 10, "training": True}
    relu = {"activation": "relu"}
    assert found == [
        LayerRow("flatten", "Flatten", "Flatten", {}, (8, 5), (144,), 0, False, None),
        LayerRow("D", "Dense", "Dense", config, (144,), (10,), 1450, None, None),
        LayerRow("D", "Dense", "Activation", relu, (10,), (10,), 0, None, None),
    ]
    assert [row.kind for row in found] == ["Flatten", "Dense", "Activation relu"]
    assert [row.title for row in found] == ["flatten (Flatten)", "D (Dense)", "D (ReLU)"]
    masked = layer_rows(model(layer("Masking", (8, 5), masked=True), FLAT))
    assert [(row.receives_mask, row.passes_mask) for row in masked] == [(False, True), (True, None)]


def test_an_argument_of_a_call_that_is_a_tensor_or_nothing_is_no_config():
    call = {"training": False, "mask": None, "query": {"input": 0}}
    (row,) = layer_rows(model(layer("Attention", (8, 5), call=call)))
    assert row.config == {"training": False}


@pytest.mark.parametrize(
    ("given", "activation"),
    [
        (layer("ReLU", (144,), **RELU), "relu"),
        (layer("ReLU", (144,), **{**RELU, "max_value": 6.0}), "relu(max_value=6.0)"),
        (layer("Softmax", (144,), axis=-1), "softmax"),
        (layer("Softmax", (144,), axis=1), "softmax(axis=1)"),
        (layer("Tanh", (144,)), "tanh"),
        (layer("Activation", (144,), activation="gelu"), "gelu"),
        (layer("Activation", (144,), activation={"function": "mine"}), "mine"),
        (
            layer(
                "Activation",
                (144,),
                activation={
                    "class_name": "ReLU",
                    "config": {"name": "r", "trainable": True, **RELU, "threshold": 0.5},
                },
            ),
            "relu(threshold=0.5)",
        ),
        (
            layer(
                "Activation",
                (144,),
                activation={
                    "class_name": "LeakyReLU",
                    "config": {"name": "r", "trainable": True, "negative_slope": 0.2},
                },
            ),
            "LeakyReLU(negative_slope=0.2)",
        ),
    ],
)
def test_an_activation_is_written_in_one_way(given, activation):
    (row,) = layer_rows(model(given))
    assert (row.layer, row.config) == ("Activation", {"activation": activation})


def test_a_cell_keeps_its_activation():
    (row,) = layer_rows(model(layer("LSTM", (16,), 99, activation="tanh")))
    assert row.config == {"activation": "tanh"}


@pytest.mark.parametrize(
    ("given", "stays"),
    [
        (layer("Identity", (8, 5)), False),
        (layer("Activation", (8, 5), activation="linear"), False),
        (layer("Activation", (8, 5), activation="relu"), True),
        (layer("Dropout", (8, 5), rate=0.0), False),
        (layer("Dropout", (8, 5), rate=0.1), True),
        (layer("Reshape", (8, 5)), False),
        (layer("Flatten", (40,)), True),
        (layer("Reshape", (5, 8)), True),
        (layer("Permute", (8, 5), dims=[1, 2]), False),
        (layer("Permute", (5, 8), dims=[2, 1]), True),
        (layer("UnitNormalization", (8, 5), dims=[1, 2]), True),
    ],
)
def test_a_layer_that_changes_nothing_is_left_out(given, stays):
    assert len(layer_rows(model(given))) == stays


@pytest.mark.parametrize(("passes", "rows"), [(True, 1), (False, 2), (None, 2)])
def test_a_layer_that_does_nothing_but_lose_a_mask_stays(passes, rows):
    masking = layer("Masking", (8, 5), masked=True)
    assert len(layer_rows(model(masking, layer("Reshape", (8, 5), masked=passes)))) == rows


ZEROS = layer("ZeroPadding2D", (9, 9, 1))


@pytest.mark.parametrize(
    ("before", "after", "padding"),
    [
        (ZEROS, conv(shape=(7, 7, 4), activation="linear"), "same"),
        (ZEROS, conv(shape=(4, 4, 4), activation="linear", strides=[2, 2]), "same"),
        (ZEROS, conv(shape=(5, 5, 4), activation="linear"), None),
        (ZEROS, conv(shape=(7, 7, 4), activation="linear", padding="same"), None),
        (ZEROS, layer("MaxPooling2D", (4, 4, 1), strides=[2, 2], padding="valid"), None),
        (layer("Cropping2D", (9, 9, 1)), conv(shape=(7, 7, 4), activation="linear"), None),
    ],
)
def test_zeros_before_a_convolution_are_its_padding_where_they_are_as_many(before, after, padding):
    first = layer("Cropping2D", (7, 7, 1))
    rows = layer_rows(model(first, before, after, shape=(11, 11, 1)))
    assert rows[0].layer == "Cropping2D"
    if padding:
        assert [row.layer for row in rows[1:]] == ["Conv2D"]
        assert (rows[1].config["padding"], rows[1].input_shape) == (padding, (7, 7, 1))
    else:
        assert len(rows) == 3


def test_the_longer_branch_comes_first_however_a_sum_names_its_branches():
    parts = [dense(name, 5, 5) for name in ("short", "long", "longer")] + [layer("Add", (5,))]
    for ends in ([0, 2], [2, 0]):
        found = layer_rows(model(*parts, shape=(5,), sources=[[-1], [-1], [1], ends]))
        assert [row.name for row in found] == ["long", "longer", "short", "add"]
    heads = layer_rows(model(*parts[:3], sources=[[-1]] * 3, outputs=[2, 0, 1]))
    assert [row.name for row in heads] == ["longer", "short", "long"]


def test_a_wrapper_has_the_class_and_the_values_of_what_it_wraps():
    inner = {"name": "rnn", "units": 4, "go_backwards": False, "trainable": False, "seed": 3}
    start = {"class_name": "Zeros", "config": {}}
    within = {"class_name": "SimpleRNN", "config": inner}
    back = {"name": "b", "units": 5, "go_backwards": True, "kernel_initializer": start}
    (about, _) = layer(
        "Bidirectional",
        (8, 8),
        80,
        merge_mode="concat",
        kernel_initializer=start,
        layer=within,
        backward_layer={"class_name": "SimpleRNN", "config": {**inner, **back}},
    )
    assert class_of(about) == "Bidirectional(SimpleRNN)"
    assert flat_config(about) == {
        "merge_mode": "concat",
        "kernel_initializer": start,
        "units": 4,
        "go_backwards": False,
        "trainable": False,
        "backward units": 5,
    }
    cell = {"class_name": "LSTMCell", "config": {}}
    stack = {"class_name": "StackedRNNCells", "config": {}}
    assert class_of({"class_name": "RNN", "config": {"cell": cell}}) == "LSTM"
    assert class_of({"class_name": "RNN", "config": {"cell": stack}}) == "RNN(StackedRNNCells)"
    assert class_of({"class_name": "Dense", "config": {"layer": 3}}) == "Dense"


def test_what_is_frozen_counts_where_there_are_weights():
    assert flat_config(dense(trainable=False)[0]) == {"units": 10, "trainable": False}
    dropout = layer("Dropout", (144,), rate=0.2, trainable=False)
    assert flat_config(dropout[0]) == {"rate": 0.2}


def from_the_end():
    """A description in which a call takes what is counted from the end."""
    graph = model(FLAT, DROP, DROP, sources=[[-1], [0], [0]], outputs=[1])
    graph["calls"][1]["args"] = [{"call": [-1, 0]}]
    return {"graph": json.dumps(graph)}


@pytest.mark.parametrize(
    "description",
    [
        3,
        {"graph": 3},
        {"graph": "{}"},
        {"graph": json.dumps(model(FLAT)).replace('"kwargs": {}', '"kwargs": []')},
        {"graph": json.dumps(model(FLAT)).replace('"parameters": 0', '"parameters": Infinity')},
        {"graph": json.dumps(model(FLAT)).replace('"parameters": 0', '"parameters": "many"')},
        from_the_end(),
        {"graph": "[" * 100_000},
    ],
)
def test_what_describes_no_model_is_no_graph(description):
    with pytest.raises(ValueError, match="cannot be read"):
        read_graph(description)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"function": "mine"}, "'mine'"),
        ({"class_name": "L2", "config": {"l2": 0.01, "seed": 3}}, "L2(l2=0.01)"),
        ({"class_name": "Zeros", "config": None}, "Zeros()"),
        (1 / 3, "0.333333"),
        ([2, 2], "(2, 2)"),
        (None, "None"),
    ],
)
def test_a_value_of_a_config_is_written_for_a_reader(value, text):
    assert value_text(value) == text
    assert [size_text(one) for one in ((4,), (2, None))] == ["(4,)", "(2, None)"]
