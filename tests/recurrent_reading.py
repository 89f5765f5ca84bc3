"""Read random sequences with the fused kernel and with Keras's masked loop; print the difference.

    KERAS_BACKEND=jax python tests/recurrent_reading.py

PyTorch's kernel runs on a CPU. JAX's does not: `lstm_ref`, with which JAX tests it, takes its
place. Nor does TensorFlow's: there Keras's loop is given what the kernel would be given, a mask
with its padding on the right and no sequence empty.
"""

import json
from functools import partial

import companion  # first: it keeps TensorFlow quiet

# isort: split
import keras
import numpy as np
from keras import layers, ops

from companion import recurrent

BACKEND = keras.config.backend()
STEPS, FEATURES, UNITS = 7, 3, 4
LAYERS = (
    {},
    {"return_sequences": True, "return_state": True},
    {"go_backwards": True, "return_sequences": True},
    {"return_sequences": True, "zero_output_for_mask": True},
    {"both": True},
    {"both": True, "return_sequences": True},
)


def use_a_stand_in() -> None:
    """Let the layers find a kernel here, where the backend's own needs a GPU."""
    if BACKEND == "jax":
        from jax.experimental import rnn

        def lstm(x, h_0, c_0, weights, lengths, **sizes):
            matrices = rnn.unpack_lstm_weights(
                weights,
                *(sizes[name] for name in ("input_size", "hidden_size", "num_layers")),
                sizes["bidirectional"],
            )
            return rnn.lstm_ref(x, h_0, c_0, *matrices, lengths, *sizes.values())

        rnn.lstm = lstm
    if BACKEND != "torch":
        recurrent.has_kernel = lambda kind: kind in recurrent.KERNELS[BACKEND]


def masks(rng: np.random.Generator) -> np.ndarray:
    """Sequences padded on the right, on the left and anywhere, some of them without a step."""
    lengths = np.append(rng.integers(0, STEPS + 1, 8), [0, 1, STEPS])[:, None]
    right = np.arange(STEPS) < lengths
    return np.concatenate([right, right[:, ::-1], rng.random((8, STEPS)) < 0.5])


def values_and_gradients(layer, x, mask, weights):
    """What a layer says, and how a weighted sum of it changes with its weights and sequences."""
    seen = []

    def score(x, mask):
        outputs = keras.tree.flatten(layer(x, mask=mask))
        seen[:] = outputs
        return sum(ops.sum(ops.tanh(one) * weights[: one.shape[-1]]) for one in outputs)

    variables = layer.trainable_variables
    if BACKEND == "tensorflow":
        import tensorflow as tf

        # As `fit` traces it, where neither the batch nor the steps have a size yet.
        @tf.function(
            input_signature=[
                tf.TensorSpec((None, None, FEATURES)),
                tf.TensorSpec((None, None), tf.bool),
            ]
        )
        def both(x, mask):
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = score(x, mask)
            return seen, tape.gradient(loss, [x, *(v.value for v in variables)])

        outputs, gradients = both(x, mask)
        return [*outputs, *gradients]
    if BACKEND == "torch":
        x = ops.convert_to_tensor(x).requires_grad_()
        for variable in variables:
            variable.value.grad = None
        score(x, mask).backward()
        return [*(one.detach() for one in seen), x.grad, *(v.value.grad for v in variables)]
    import jax

    others = [v.value for v in layer.non_trainable_variables]

    @jax.jit
    def both(x, values, mask):
        def score_of(x, values):
            outputs, _ = layer.stateless_call(values, others, x, mask=mask)
            outputs = keras.tree.flatten(outputs)
            return sum(
                ops.sum(ops.tanh(one) * weights[: one.shape[-1]]) for one in outputs
            ), outputs

        return jax.grad(score_of, argnums=(0, 1), has_aux=True)(x, values)

    (to_x, to_values), outputs = both(x, [v.value for v in variables], mask)
    return [*outputs, to_x, *to_values]


def difference(kind: str, both: bool, rng: np.random.Generator, **options) -> float:
    """The largest difference between the fused kernel and Keras's masked loop."""
    pair = []
    for module in (recurrent, layers):
        layer = getattr(module, kind)(UNITS, **options)
        pair.append(module.Bidirectional(layer) if both else layer)
    loop = pair[1]
    mask = masks(rng)
    x = rng.normal(size=(*mask.shape, FEATURES)).astype("float32")
    for layer in pair:
        layer.build(x.shape)
    values = [w + rng.normal(0, 0.3, w.shape) for w in loop.get_weights()]
    weights = ops.convert_to_tensor(rng.normal(size=2 * UNITS).astype("float32"))
    results = []
    for layer in pair:
        layer.set_weights(values)
        tensors = values_and_gradients(layer, x, ops.convert_to_tensor(mask), weights)
        results.append([ops.convert_to_numpy(one) for one in tensors])
    assert len(results[0]) == len(results[1]) >= 5
    # A gradient is a sum over all steps of all sequences: its digits count, not its size.
    return max(
        float(np.abs(a - b).max() / max(1, np.abs(b).max())) for a, b in zip(*results, strict=True)
    )


def loss_in_half_precision() -> float:
    """Train as on a card that multiplies bfloat16; the kernel's stand-in takes float32 alone."""
    from jax.experimental import rnn

    stand_in = rnn.lstm

    def strict(x, *states, **sizes):
        assert {one.dtype.name for one in (x, *states[:3])} == {"float32"}
        return stand_in(x, *states, **sizes)

    rnn.lstm = strict
    run = companion.train("lstm", precision="mixed_bfloat16", epochs=1, show_progress=False)
    assert run.model.get_layer("memory1").compute_dtype == "float32"
    assert run.model.compute_dtype == "bfloat16"
    return float(run.history["loss"].iloc[-1])


def main() -> None:
    """Print, for each layer and way to read, how far the kernel lies from the loop."""
    use_a_stand_in()
    used = []
    run, gather = recurrent.run_kernel, recurrent.gather_steps
    recurrent.run_kernel = lambda *given: used.append("kernel") or run(*given)
    recurrent.gather_steps = lambda *given: used.append("gather_steps") or gather(*given)
    rng = np.random.default_rng(0)
    differences = {}
    for kind in recurrent.KERNELS[BACKEND]:
        for options in LAYERS:
            used.clear()
            read = partial(difference, kind, options.get("both", False), rng)
            name = " ".join((kind, *options))
            differences[name] = read(**{k: v for k, v in options.items() if k != "both"})
            assert "gather_steps" in used, name
            assert BACKEND == "tensorflow" or "kernel" in used, name
    if BACKEND == "jax":
        used.clear()
        differences["lstm in half precision"] = loss_in_half_precision()
        assert used == ["kernel"] * len(used) != [], used
    print(json.dumps(differences))


if __name__ == "__main__":
    main()
