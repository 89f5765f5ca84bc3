"""The adding problem: two numbers are marked in a long sequence, and their sum is asked for.

Hochreiter and Schmidhuber (1997) set it to LSTM. Every sequence is shown once, so
nothing can be learnt by heart; what is reported comes from 1,000 sequences of their own.
"""

import numpy as np

import companion
from companion.datasets import Split
from companion.training.seeding import fresh_start

BATCH = 64
BLOCK = 100  # steps of training between two looks at the error
SOLVED = 0.01  # mean squared error; saying 1 every time gives 1/6
UNITS = 32


def adding_problem(count: int, lag: int, rng: np.random.Generator):
    """Draw sequences in which two numbers are marked, and their sums.

    The first mark stands in the first tenth of the sequence and the second in its second half, so
    that the first number must be held for nine tenths of the lag at least.

    Args:
        count: How many sequences.
        lag: Steps of each.
        rng: A random generator.

    Returns:
        Sequences of shape (count, lag, 2): numbers from [0, 1), and marks; sums of shape (count,).
    """
    numbers, marks = rng.random((count, lag)), np.zeros((count, lag))
    rows = np.arange(count)
    marks[rows, rng.integers(0, lag // 10, count)] = 1
    marks[rows, rng.integers(lag // 2, lag, count)] = 1
    sequences = np.stack([numbers, marks], axis=-1).astype("float32")
    return sequences, (numbers * marks).sum(1).astype("float32")


def adder(cell: str, seed: int, lag: int, steps: int):
    """Train one cell to add, until it can or for at most so many steps.

    Args:
        cell: ``"SimpleRNN"``, ``"GRU"``, ``"LSTM"`` as Keras starts it, with a bias of 1 at the
            keep gate, or ``"LSTM, open"``: its keep gates start so far open, and its write gates
            so far shut, that the units remember for 2 to `lag` steps (Tallec and Ollivier, 2018).
        seed: Seed of weights and sequences.
        lag: Steps of each sequence.
        steps: Steps of training.

    Returns:
        The weights that the model began with, the trained model, and the steps that it took.
    """
    import keras
    from keras import layers

    fresh_start(seed)
    rng = np.random.default_rng(seed)
    held_out = adding_problem(256, lag, rng)
    memory = getattr(layers, cell.removesuffix(", open"))(UNITS, name="memory")
    sequences = keras.Input((lag, 2))
    model = keras.Model(sequences, layers.Dense(1, dtype="float32", name="sum")(memory(sequences)))
    if cell.endswith(", open"):
        kernel, recurrent_kernel, bias = memory.get_weights()
        bias[UNITS : 2 * UNITS] = np.log(rng.uniform(1, lag - 1, UNITS))
        bias[:UNITS] = -bias[UNITS : 2 * UNITS]
        memory.set_weights([kernel, recurrent_kernel, bias])
    first = model.get_weights()

    def stop_when_solved(_: int, logs: dict[str, float]):
        model.stop_training = logs["val_loss"] <= SOLVED / 2

    adam = keras.optimizers.Adam(0.01, clipnorm=1.0)
    model.compile(adam, "mse", steps_per_execution=10)
    blocks = [adding_problem(BLOCK * BATCH, lag, rng) for _ in range(steps // BLOCK)]
    train = Split(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))
    run = companion.train(
        model,
        (train, Split(*held_out)),
        seed=seed,
        epochs=len(blocks),
        batch_size=BATCH,
        steps=steps,
        order=range(len(train)),
        keep="last",
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=stop_when_solved)],
        show_progress=False,
    )
    return first, model, BLOCK * len(run.history)


def adding_row(level: tuple[str, int], seed: int, *, quick: bool):
    """Train one cell on one lag until it adds, or its steps are used up."""
    cell, lag = level
    _, model, steps = adder(cell, seed, lag, steps=300 if quick else 600)
    sequences, sums = adding_problem(1000, lag, np.random.default_rng((seed, 1)))
    error = model.evaluate(sequences, sums, batch_size=500, verbose=0)
    return {"test_mse": float(error), "solved": int(error < SOLVED), "steps": steps}
