"""Two readers for the browser: one of digits, row by row, and one of sentences, word by word.

python -m chapters.recurrence.in_browser     # trains both, and writes readers.js
"""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCRIPT = Path(__file__).with_name("readers.js")
"""Where the interactive figure finds the weights."""

SEED = 0
"""That of the rows of `digits_by_rows` and `sentence_sentiment` that these networks are."""


def packed(array: NDArray[Any]) -> str:
    """Return an array as base64 of float16, row by row, lowest byte first."""
    return base64.b64encode(np.asarray(array, "<f2").tobytes()).decode()


def unpacked(text: str, *shape: int) -> NDArray[Any]:
    """Return the array that `packed` made, as float64."""
    return np.frombuffer(base64.b64decode(text), "<f2").astype(float).reshape(shape)


def reader(weights: list[NDArray[Any]]) -> dict[str, Any]:
    """Return a recurrent layer and the dense layer on it in the book's letters.

    Args:
        weights: Keras's kernel, recurrent kernel and bias of a `SimpleRNN`, and kernel and bias of
            the layer that names the class.
    """
    U, W, b, V, c = weights
    sizes = {"inputs": len(U), "units": len(W), "classes": len(c)}
    letters = {"U": U.T, "W": W.T, "b": b, "V": V.T, "c": c}
    return sizes | {letter: packed(values) for letter, values in letters.items()}


def digit_reader() -> dict[str, Any]:
    """Train the first row of `digits_by_rows`; return it with a validation digit of each class."""
    import companion
    from companion.training.seeding import fresh_start

    fresh_start(SEED)
    run = companion.train("simple_rnn", "digits", seed=SEED, show_progress=False)
    held_out = companion.load("digits").validation
    first = [int(np.flatnonzero(held_out.y == label)[0]) for label in range(10)]
    inks = np.rint(held_out.x[first].reshape(10, 64) * 16).astype(int)
    digits = ["".join("0123456789abcdefg"[ink] for ink in image) for image in inks]
    return {**reader(run.model.get_weights()), "digits": digits}


def sentence_reader() -> dict[str, Any]:
    """Train the `SimpleRNN` of `sentence_sentiment`; return it with its vocabulary."""
    from functools import partial

    import companion
    from chapters.recurrence.models import sentence_classifier
    from companion.catalogue import find_model
    from companion.training.seeding import fresh_start

    fresh_start(SEED)
    data = companion.load("sentiment_sentences", seed=SEED)
    builder = partial(sentence_classifier, cell="SimpleRNN")
    recipe = find_model("sentence_classifier")[1].recipe
    run = companion.train(builder, data, seed=SEED, show_progress=False, **recipe)
    embedding, *weights = run.model.get_weights()
    numbers = data.fitted_to((None,)).fit.keywords["vocabulary"].numbers
    words = [word for word, number in numbers.items() if number < len(embedding)]
    return {**reader(weights), "words": " ".join(words), "embedding": packed(embedding)}


if __name__ == "__main__":
    both = {"digits": digit_reader(), "sentences": sentence_reader()}
    SCRIPT.write_text(
        "// Two recurrent networks as float16: chapters/recurrence/in_browser.py wrote it.\n"
        "// The words are those of Kotzias et al. (2015), CC BY 4.0.\n"
        f"const recurrentReaders = {json.dumps(both)};\n",
        encoding="utf-8",
    )
