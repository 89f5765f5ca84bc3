"""Models through the judge: every difference is named, and forged descriptions do no harm."""

import copy
import json

import numpy as np
import pytest
from model_answers import ANSWERS, HEAD
from model_exercises import MODELS, last_case
from workers import count_workers

from companion.checking import model_exercise
from companion.checking.authoring.mistakes import Mistakes
from companion.checking.authoring.rebuilding import measured
from companion.checking.judging.judge import Judge
from companion.checking.verdict import Status


@pytest.fixture(scope="module")
def judge():
    with Judge(spare=False) as judge:
        yield judge


# ---- one exercise -------------------------------------------------------------------------------


@model_exercise(points=3)
def tiny():
    """Build a small network."""
    from keras import Input, Model, layers

    inputs = Input((8, 8, 1))
    x = layers.Conv2D(4, 3, activation="relu", name="C1")(inputs)
    short = x
    x = layers.Conv2D(4, 3, padding="same", name="C2")(x)
    x = layers.Add(name="A3")([x, short])
    x = layers.Flatten(name="F4")(x)
    return Model(inputs, layers.Dense(10, activation="softmax", name="D5")(x))


@tiny.mistake("You left the softmax out.")
def _():
    from keras import Model, layers

    model = tiny.reference()
    return Model(model.inputs, layers.Dense(10, name="D5")(model.get_layer("F4").output))


LOOK = """
    import sys
    import numpy
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if isinstance(value, list) and value and isinstance(value[0], numpy.ndarray):
                raise LookupError([one.shape for one in value])
        frame = frame.f_back
"""


RIGHT = tiny.solution
OF_TINY = {  # an answer, and what is said of it
    "right": (RIGHT, "Right."),
    "with an activation of its own": (
        RIGHT.replace(
            'Conv2D(4, 3, activation="relu", name="C1")(inputs)', "Conv2D(4, 3)(inputs)"
        ).replace("short = x", "x = layers.ReLU()(x)\n    short = x"),
        "Right.",
    ),
    "recognised": (RIGHT.replace(', activation="softmax"', ""), "You left the softmax out."),
    "with layers for activations": (
        RIGHT.replace('"relu"', "layers.ReLU()").replace('"softmax"', "layers.Softmax()"),
        "Right.",
    ),
    "with TensorFlow's functions": (
        RIGHT.replace('"relu"', "tf.nn.relu").replace('"softmax"', "tf.nn.softmax"),
        "Right.",
    ),
    "with operations": (
        RIGHT.replace(', activation="relu"', "")
        .replace("short = x", "x = keras.ops.relu(x)\n    short = x")
        .replace('layers.Add(name="A3")([x, short])', "x + short"),
        "Right.",
    ),
    "clipped": (
        RIGHT.replace('"relu"', "layers.ReLU(6.0)"),
        "The activation of C1 is 'relu(max_value=6.0)', expected 'relu'.",
    ),
    "with an activation written down": (
        RIGHT.replace(', activation="relu", name="C1")(inputs)', ")(inputs)").replace(
            "short = x", 'x = layers.Activation(lambda x: x, name="A")(x)\n    short = x'
        ),
        "The activation of A is '<lambda>', expected 'relu'.",
    ),
    "looking for the weights": (
        RIGHT.replace("    from keras import", LOOK + "    from keras import"),
        "Right.",
    ),
    "padded": (
        RIGHT.replace('name="C1"', 'padding="same", name="C1"'),
        "C1 (Conv2D): padding is 'same', expected 'valid'.",
    ),
    "larger": (
        RIGHT.replace("Dense(10", "Dense(12"),
        "+290 parameters: D5 (Dense): units is 12, expected 10.",
    ),
    "tanh": (
        RIGHT.replace('"relu"', '"tanh"'),
        "The activation of C1 is 'tanh', expected 'relu'.",
    ),
    "without a layer": (
        RIGHT.replace('    x = layers.Conv2D(4, 3, padding="same", name="C2")(x)\n', ""),
        "-148 parameters: C2 (Conv2D) is missing.",
    ),
    "wired differently": (
        RIGHT.replace("[x, short]", "[x, x]"),
        "The layers are right, but they are wired differently",
    ),
    "with a Lambda": (
        RIGHT.replace('name="F4")(x)', 'name="F4")(layers.Lambda(lambda x: x, name="L")(x))'),
        "L is a Lambda layer: code in a box that cannot be compared, saved or read.",
    ),
    "no model": ("def tiny(): return 3", "A Keras model is to be returned. Received: a int."),
    "without shapes": (
        "import keras\ndef tiny(): return keras.Sequential([keras.layers.Dense(1)])",
        "The model has no shapes yet",
    ),
    "forged": (
        "import keras\ndef tiny(): return keras.Input((1,))",
        "A Keras model is to be returned.",
    ),
}


@pytest.mark.slow
@pytest.mark.drawn
def test_models_are_compared_and_their_difference_is_explained(judge, monkeypatch):
    started = count_workers(monkeypatch)
    exercises, source = [], "import keras\nimport tensorflow as tf\n"
    for number, (text, _) in enumerate(OF_TINY.values()):
        one = model_exercise(points=3)(tiny.reference)
        one.mistakes, one.name = tiny.mistakes, f"tiny_{number}"
        exercises.append(one)
        source += text.replace("def tiny(", f"def tiny_{number}(") + "\n"
    with Judge(spare=False) as fresh:
        report = fresh.check(source.encode(), exercises, time_limit=30)
    for name, verdict in zip(OF_TINY, report.verdicts, strict=True):
        words = OF_TINY[name][1]
        assert words in verdict.message, (name, verdict)
        assert (verdict.status is Status.PASS) is (words == "Right."), name
    assert len(started) == 2, "Keras is imported once for a learner, and once for all models"


@model_exercise(points=1)
def line():
    """Build a network of one weight and one bias."""
    from keras import Input, Sequential, layers

    return Sequential([Input((1,)), layers.Dense(1)])


@model_exercise(points=1)
def words():
    """Build an embedding that starts from a normal distribution."""
    from keras import Input, Sequential, layers

    return Sequential([Input((5,)), layers.Embedding(9, 4, embeddings_initializer="random_normal")])


@pytest.mark.slow
def test_a_single_weight_has_no_spread_that_could_be_wrong():
    assert line.check(line.reference).verdict.status is Status.PASS


@pytest.mark.slow
def test_a_start_that_the_task_asks_for_is_asked_of_every_weight():
    def by_default():
        from keras import Input, Sequential, layers

        return Sequential([Input((5,)), layers.Embedding(9, 4)])

    assert words.check(words.reference).verdict.status is Status.PASS
    assert "embeddings starts by RandomUniform" in words.check(by_default).verdict.message


# ---- the book's exercises -----------------------------------------------------------------------


def renamed(exercise, number):
    one = copy.copy(exercise)
    one.name = f"{exercise.name}_{number}"
    one.mistakes = Mistakes()  # what is compared is shown, where no known mistake stands before it
    return one


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
def test_every_kind_of_difference_is_named_as_a_person_would(judge):
    source, asked = HEAD, []
    for number, (name, body, _) in enumerate(ANSWERS):
        asked.append(renamed(MODELS[name], number))
        source += f"\ndef {asked[-1].name}(filters=0, stride=0):\n    {body}\n"
    report = judge.check(source.encode(), asked, time_limit=60)
    for (name, body, words), verdict in zip(ANSWERS, report.verdicts, strict=True):
        assert words in verdict.message, (name, body, verdict)
        assert verdict.status is (Status.PASS if "Right." in words else Status.FAIL), verdict


# ---- forged descriptions ------------------------------------------------------------------------


def graph_of(**layer):
    """A forged description: one layer that is called on the input."""
    known = {"name": "x", "kind": "layer", "module": "keras.layers", "parameters": 0, "config": {}}
    call = {"layer": 0, "args": [{"input": 0}], "kwargs": {}, "shape": [None, 3]}
    graph = {"inputs": [[[None, 5], "float32"]], "layers": [known | layer], "calls": [call]}
    return json.dumps({**graph, "outputs": [{"call": [0, 0]}]})


INNER = {"module": "os", "class_name": "system", "config": "echo", "registered_name": None}
FORGED = {
    "a Lambda": graph_of(class_name="Lambda", config={"function": "x"}),
    "a Lambda within": graph_of(
        class_name="TimeDistributed",
        config={"layer": {"module": "keras.layers", "class_name": "Lambda", "config": {}}},
    ),
    "a table of words": graph_of(class_name="StringLookup", config={"vocabulary": "/etc/passwd"}),
    "a saved model": graph_of(class_name="TFSMLayer", config={"filepath": "/tmp"}),
    "another module": graph_of(class_name="Dense", config={"units": 3, "activation": INNER}),
    "a class of somebody's": graph_of(
        class_name="TimeDistributed",
        config={
            "layer": {
                "module": "keras.layers",
                "class_name": "Dense",
                "registered_name": "mine>Dense",
                "config": {"units": 3},
            }
        },
    ),
    "code": graph_of(class_name="Dense", config={"units": 3, "activation": {"function": "f"}}),
    "no operation": graph_of(class_name="system", kind="operation"),
    "no class": graph_of(class_name="__init__"),
    "calls of what is not there": graph_of(class_name="ReLU").replace('"layer": 0', '"layer": 7'),
    "calls of itself": graph_of(class_name="ReLU").replace('{"input": 0}', '{"call": [0, 0]}'),
    "no JSON": "{",
    "no end": "[" * 100_000,
    "a number without end": graph_of(class_name="ReLU").replace("null", "9" * 5000),
    "nothing": "{}",
    "a list": "[]",
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_description_is_neither_rebuilt_nor_read(kind):
    with pytest.raises(ValueError, match=r"."):
        measured(FORGED[kind], [np.zeros((2, 4, 5), "float32")], 0)
    case = last_case(MODELS["tagger"])
    output = case.fault(case.completed({"graph": FORGED[kind], "measured": {}}, measured))
    assert output
    assert isinstance(case.shown({"graph": FORGED[kind]})[0], str)


@pytest.mark.slow
def test_who_takes_the_worker_over_forges_descriptions_only_and_stops_nobody(judge):
    large = graph_of(class_name="Dense", config={"units": 2 * 10**9})
    source = f"""
import keras, sys

def forge(text):
    sys.modules["description"].described = lambda *_: {{"graph": text, "measured": {{}}}}

def tagger_0(): forge({large!r})
def tagger_1(): forge({FORGED["a Lambda"]!r})
def tagger_2(): forge(3)
def tagger_3(): forge({FORGED["no end"]!r})
"""
    asked = [renamed(MODELS["tagger"], number) for number in range(4)]
    statuses = [one.status for one in judge.check(source.encode(), asked).verdicts]
    assert set(statuses) <= {Status.FAIL, Status.ERROR, Status.MEMORY, Status.TIMEOUT}, statuses
    right = f"{HEAD}\ndef tagger():\n    return tags()\n"
    assert judge.check(right.encode(), [MODELS["tagger"]]).verdicts[0].status is Status.PASS
