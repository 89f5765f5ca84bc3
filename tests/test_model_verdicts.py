"""Verdicts on models: no wrong one passes, no equivalent one fails, and the difference is named.

Both lists are made from the references of all model exercises, so that a new one is covered when it
is written: the wrong models by changing one field of the configuration at a time, each held to
Keras itself before it counts as wrong, the equivalent ones by writing the same network otherwise.
"""

import copy

import keras
import numpy as np
import pytest
from model_exercises import EXERCISES, fault, last_case, probes, reference
from model_rewrites import REWRITES, nested, other_names

from companion.checking.authoring.fingerprint import fingerprint

each_model = pytest.mark.parametrize("exercise", EXERCISES, ids=repr)


WORDS = {  # what a message says of a field, where it does not name the field itself
    "use_bias": "biases",
    "trainable": "never learns",
    "kernel_initializer": "kernel starts at",
    "bias_initializer": "bias starts at",
    "recurrent_initializer": "recurrent_kernel starts at",
    "embeddings_initializer": "embeddings starts at",
    "gamma_initializer": "gamma starts at",
    "beta_initializer": "beta starts at",
    "moving_mean_initializer": "moving_mean starts at",
    "moving_variance_initializer": "moving_variance starts at",
    "batch_shape": "The model's input is",
}
ACTIVATIONS = ("relu", "tanh", "sigmoid", "linear", "leaky_relu")


# ---- wrong models -------------------------------------------------------------------------------


def of_class(package, name, **config):
    """The configuration of a regularizer, an initializer or a constraint."""
    return {"module": f"keras.{package}", "class_name": name, "config": config}


def others_by_one(value):
    """Each number of a list of whole numbers, one larger."""
    if isinstance(value, (list, tuple)) and all(isinstance(one, int) for one in value):
        return [[one + 1 for one in value]]
    return []


PENALTY = of_class("regularizers", "L2", l2=0.02)
STARTS = [of_class("initializers", "Constant", value=0.25), of_class("initializers", "Zeros")]
LEFT_ALONE = ("name", "dtype", "seed", "data_format", "batch_shape", "groups")
OTHERS_BY_END = {  # other values for a field, by what its name ends in
    "activation": lambda value: [one for one in ACTIVATIONS if one != value],
    "regularizer": lambda value: [PENALTY] if value is None else [PENALTY, None],
    "constraint": lambda value: [of_class("constraints", "UnitNorm", axis=0)],
    "initializer": lambda value: STARTS,
    "noise_shape": lambda value: [[None, 1]],
}
OTHERS_BY_KIND = {  # by what it holds
    bool: lambda value: [not value],
    int: lambda value: [value + 1],
    float: lambda value: [value + 0.1],
}
OTHERS_BY_NAME = {
    "padding": lambda value: ["valid" if value == "same" else "same"],
    "merge_mode": lambda value: ["sum", "mul", "ave"],
}


def other_values(key, value):
    """Other values for one field of a layer's configuration."""
    if key in LEFT_ALONE:
        return []
    known = [others for end, others in OTHERS_BY_END.items() if key.endswith(end)]
    known += [others for kind, others in OTHERS_BY_KIND.items() if isinstance(value, kind)]
    known += [OTHERS_BY_NAME.get(key, others_by_one)]
    return known[0](value)


def changed_configs(config):
    """Yield a layer's configuration with one field changed, the layers within included."""
    for key, value in config.items():
        if isinstance(value, dict) and "layer" in key and "config" in value:
            for name, inner in changed_configs(value["config"]):
                changed = copy.deepcopy(config)
                changed[key]["config"] = inner
                if key == "layer" and "backward_layer" in config:  # both directions, as one says it
                    changed["backward_layer"]["config"] |= {
                        one: copy.deepcopy(inner[one])
                        for one in inner
                        if inner[one] != value["config"].get(one) and one != "go_backwards"
                    }
                yield name, changed
        else:
            for other in other_values(key, value):
                yield key, {**copy.deepcopy(config), key: copy.deepcopy(other)}


def wrong_models(model):
    """Yield a model for each field of each of its layers, with that field changed."""
    whole = model.get_config()
    for index, layer in enumerate(whole["layers"]):
        if layer["class_name"] == "InputLayer":
            continue
        for key, config in changed_configs(layer["config"]):
            changed = copy.deepcopy(whole)
            changed["layers"][index]["config"] = config
            keras.utils.set_random_seed(0)
            try:
                wrong = type(model).from_config(changed)
            except (ValueError, TypeError, NotImplementedError, RuntimeError):
                continue  # no such model can be built
            yield f"{layer['class_name']} {key}", key, wrong


def behaviour(model, like):
    """What Keras itself makes of a model under weights for those of `like`, in use and trained."""
    rng = np.random.default_rng(3)
    drawn = [abs(rng.normal(0, 0.4, one.shape)) + 0.1 * ("variance" in one.path) for one in like]
    signed = rng.choice([-1, 1], 10**6)
    drawn = [
        one if "variance" in weight.path else one * np.resize(signed, one.shape)
        for one, weight in zip(drawn, like, strict=True)
    ]
    starts = [bool(np.ptp(one) > 0) or float(one.ravel()[0]) for one in model.get_weights()]
    model.set_weights(drawn)
    x = probes(model)
    used = np.asarray(model(x, training=False))
    for variable in model.variables:
        if "seed" in variable.path:
            variable.assign([1, 2])
    trained = np.asarray(model(x, training=True))
    penalty = float(sum(map(float, model.losses)))
    states = [np.asarray(one) for one in model.get_weights()]
    limits = [
        np.asarray(one.constraint(keras.ops.convert_to_tensor(value * 9)))
        if one.constraint
        else 9 * value
        for one, value in zip(model.weights, drawn, strict=True)
    ]
    flags = [one.trainable for one in model.weights]
    return used, [trained, penalty, flags, starts, *states, *limits]


def differs(one, other):
    one, other = np.asarray(one, float), np.asarray(other, float)
    return one.shape != other.shape or not np.allclose(one, other, rtol=1e-4, atol=1e-5)


def is_another(model, other):
    """Say, by Keras alone, whether two models differ in what they compute or how they train."""
    shapes = [sorted(tuple(weight.shape) for weight in one.weights) for one in (model, other)]
    if shapes[0] != shapes[1] or model.output_shape != other.output_shape:
        return True
    one, two = (behaviour(each, model.weights) for each in (model, other))
    return differs(one[0], two[0]) or any(map(differs, one[1], two[1]))


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
@each_model
def test_no_model_with_one_field_changed_passes(exercise):
    right = reference(exercise)
    passed, unnamed, count = [], [], 0
    for name, key, wrong in wrong_models(right):
        if is_another(reference(exercise), wrong):
            count += 1
            output = fault(exercise, wrong)
            if output is None:
                passed.append(name)
            elif key not in output and WORDS.get(key, key) not in output:
                unnamed.append((name, output))
    assert count >= 20
    assert passed == []
    assert unnamed == []


# ---- equivalent models --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
@each_model
def test_every_way_of_writing_the_same_network_passes(exercise):
    failed, count = {}, 0
    for rewrite in REWRITES:
        model = rewrite(reference(exercise))
        if model is not None:
            count += 1
            if said := fault(exercise, model):
                failed[rewrite.__name__] = said
    assert failed == {}
    assert count >= 8


# ---- groups -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
@each_model
def test_wrong_models_are_grouped_by_their_mistake_and_not_by_how_they_are_written(exercise):
    case = last_case(exercise)

    def group(model):
        return fingerprint([case.computed(case.run(lambda *_, **__: model).value)])

    kinds = {}
    for name, key, wrong in wrong_models(reference(exercise)):
        if key in ("use_bias", "trainable", "bias_initializer") and name not in kinds:
            kinds[name] = group(wrong)
            assert group(other_names(wrong)) == kinds[name], name
            assert group(nested(wrong)) == kinds[name], name
    assert len(set(kinds.values())) > 1
