"""Rosetta: both columns run as they are copied, and do the same with the same weights."""

import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import _pcg64
from numpy.testing import assert_allclose, assert_array_equal

from chapters.practice import rosetta, weights
from companion import lesson
from companion.errors import UnknownNameError, UserError

ROOT = Path(__file__).parents[1]
USE = "\n# use it\n"
needs_torch = pytest.mark.skipif(
    not find_spec("torch"), reason='no PyTorch here (pip install "lecture-companion[torch]")'
)
each_pair = pytest.mark.parametrize("pair", rosetta.PAIRS, ids=lambda pair: pair.name)
each_model = pytest.mark.parametrize(
    "pair", [one for one in rosetta.PAIRS if USE in one.keras], ids=lambda pair: pair.name
)


def array(value):
    """The numbers of either side, as NumPy has them."""
    return np.asarray(value.detach() if hasattr(value, "detach") else value)


def close(one, other, tolerance=1e-5, name=""):
    """Numbers of an array are rounded as its largest is: a small one can sum large ones."""
    one, other = array(one), array(other)
    largest = max(1, np.abs(other).max(initial=0))
    assert_allclose(one, other, rtol=tolerance, atol=tolerance * largest, err_msg=name)


def built(pair):
    """What the first parts of both columns define."""
    spaces = {}, {}
    for code, names in zip((pair.pytorch, pair.keras), spaces, strict=True):
        exec(code.partition(USE)[0], names)
    return spaces


# ---- pairs --------------------------------------------------------------------------------------


@needs_torch
@each_pair
def test_both_columns_of_a_pair_compute_the_same(pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spaces = built(pair)
    if USE in pair.keras:
        models = (names["model"] for names in spaces)
        weights.carry_to_keras(*models, dict(pair.flattened))
        for code, names in zip((pair.pytorch, pair.keras), spaces, strict=True):
            exec(code.partition(USE)[2], names)
    for name in pair.same:
        close(*(names[name] for names in spaces), pair.tolerance, name)


@needs_torch
@each_model
def test_weights_go_to_pytorch_and_back_and_outputs_and_gradients_go_with_them(pair):
    import tensorflow as tf
    import torch

    in_torch, in_keras = built(pair)
    module, model, flattened = in_torch["model"], in_keras["model"], dict(pair.flattened)
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.1, 1, one.shape) for one in model.get_weights()])
    kept = model.get_weights()
    weights.carry_to_pytorch(model, module, flattened)
    weights.carry_to_keras(module, model, flattened)
    for before, after in zip(kept, model.get_weights(), strict=True):
        assert_array_equal(before, after)

    images = in_keras["x"].ndim == 4
    x = tf.Variable(in_keras["x"])
    with tf.GradientTape() as tape:
        output = model(x, training=False)
        output = output[0] if isinstance(output, list | tuple) else output
        upstream = rng.normal(size=output.shape).astype("float32")
        loss = tf.reduce_sum(output * upstream)
    *gradients, to_x = tape.gradient(loss, [*model.trainable_variables, x])

    theirs = torch.tensor(in_keras["x"], requires_grad=True)
    answer = module.eval()(theirs.permute(0, 3, 1, 2) if images else theirs)
    answer = answer[0] if isinstance(answer, tuple) else answer
    answer = answer.permute(0, 2, 3, 1) if answer.ndim == 4 else answer
    answer.backward(torch.from_numpy(upstream))
    close(answer, output)
    close(theirs.grad, to_x)

    result = iter(gradients)
    for number, (part, layer) in enumerate(weights.side_by_side(module, model)):
        kind = type(part).__name__
        arrays = [array(next(result) if one.trainable else one) for one in layer.weights]
        carried = weights.to_pytorch(kind, arrays, flattened.get(number))
        for name, parameter in part.named_parameters():
            if kind == "GRU" or name != "bias_hh_l0":  # else one bias stands for two
                close(parameter.grad, carried[name], name=f"{kind} {name}")


@each_pair
def test_columns_fit_side_by_side_and_the_page_shows_each_once(pair):
    lines = f"{pair.pytorch}{pair.keras}".splitlines()
    assert max(map(len, lines)) <= 60
    assert lesson.text("practice").count(f'rosetta.columns("{pair.name}")') == 1


def test_an_unknown_pair_is_told_with_the_nearest():
    with pytest.raises(UnknownNameError, match="lstm"):
        rosetta.columns("lstms")


# ---- weights ------------------------------------------------------------------------------------

SHAPES = {
    "Linear": [(7, 4), (4,)],
    "Conv1d": [(3, 2, 4), (4,)],
    "Conv2d": [(3, 5, 2, 4), (4,)],
    "Conv3d": [(3, 5, 2, 2, 4), (4,)],
    "Embedding": [(9, 4)],
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"), [(4,)] * 4),
    "LayerNorm": [(4,)] * 2,
    "RNN": [(3, 5), (5, 5), (5,)],
    "LSTM": [(3, 20), (5, 20), (20,)],
    "GRU": [(3, 15), (5, 15), (2, 15)],
}


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(weights.LAYERS)), st.booleans(), st.integers(0, 99))
def test_there_and_back_changes_nothing_with_biases_or_without(kind, biased, seed):
    rng = np.random.default_rng(seed)
    shapes = SHAPES[kind]
    if not biased and len(shapes) in (2, 3) and kind != "LayerNorm":
        shapes = shapes[:-1]
    ours = [rng.normal(size=shape) for shape in shapes]
    again = weights.to_keras(kind, weights.to_pytorch(kind, ours))
    assert len(again) == len(ours)
    for before, after in zip(ours, again, strict=True):
        assert_array_equal(before, after)


def test_what_cannot_be_carried_is_said():
    with pytest.raises(UnknownNameError, match="Conv2d"):
        weights.to_keras("Conv2D", {})
    with pytest.raises(UserError, match="one direction"):
        weights.to_keras("GRU", {"weight_ih_l0": np.ones((3, 1)), "weight_ih_l0_reverse": 1})


@needs_torch
def test_models_of_other_layers_are_refused():
    import keras
    from torch import nn

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(UserError, match="2 layers with weights in PyTorch, 1 in Keras"):
        weights.carry_to_keras(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3)), model)


# ---- both in one process ------------------------------------------------------------------------


def python(code, *before, **environment):
    """Run code in a process of its own, with folders before all others on its path."""
    path = os.pathsep.join([*map(str, before), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="asks Linux what is loaded")
@pytest.mark.parametrize("whole", [True, False])
def test_tritons_library_is_there_before_tensorflow_begins(tmp_path, whole):
    """Whoever imports TensorFlow; a library that cannot be loaded is passed over."""
    library = tmp_path / "triton" / "_C" / "libtriton.so"
    library.parent.mkdir(parents=True)
    (tmp_path / "triton" / "__init__.py").write_text("raise RuntimeError('Triton was imported')")
    some = Path(_pcg64.__file__).read_bytes()
    library.write_bytes(some if whole else b"no library")
    (tmp_path / "tensorflow.py").write_text(
        f"loaded = {str(library)!r} in open('/proc/self/maps').read()"
    )
    done = python("import companion, tensorflow; print(tensorflow.loaded)", tmp_path)
    assert (done.stdout.strip(), done.returncode) == (str(whole), 0), done.stderr


@needs_torch
@pytest.mark.slow
@pytest.mark.skipif(
    not find_spec("triton"), reason="no Triton here (it comes with PyTorch on CUDA)"
)
def test_an_optimizer_of_pytorch_after_tensorflow_does_not_end_the_process():
    done = python(
        """
        import companion, tensorflow, torch
        w = torch.zeros(3, requires_grad=True)
        torch.optim.Adam([w])
        import triton
        print("alive")
        """
    )
    assert (done.stdout.strip(), done.returncode) == ("alive", 0), done.stderr[-500:]
