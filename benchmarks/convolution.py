"""The chapter's convolution beside the same sums in loops, and beside Keras.

One layer of LeNet-5 (28×28×1, padded, to 28×28×6 by 5×5 kernels) over 100 images, forward; the
loops run over one image and are charged a hundred times that. Run it from the repository's root:

    python benchmarks/convolution.py
"""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import keras
import numpy as np

from chapters.convolution import convolution, convolution_backward, convolution_loops

BUDGET_MS = 50


def milliseconds(function: Callable[[], object], repeats: int) -> float:
    """Return the median time of a call, after one call that is not counted."""
    times = []
    for _ in range(repeats + 1):
        start = perf_counter()
        function()
        times.append(1000 * (perf_counter() - start))
    return median(times[1:])


def main() -> None:
    """Measure, and print one line for each contestant."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(100, 28, 28, 1)).astype("float32")
    layer = keras.layers.Conv2D(6, 5, padding="same")
    layer(images)
    kernel, bias = layer.get_weights()
    maps = convolution(images, kernel, bias, padding="same")
    np.testing.assert_allclose(maps, layer(images), atol=1e-4)

    strided = milliseconds(lambda: convolution(images, kernel, bias, padding="same"), 15)
    rows = {
        "strided views, one matrix product": strided,
        "loops": 100
        * milliseconds(lambda: convolution_loops(images[:1], kernel, bias, padding="same"), 5),
        "Keras, eager": milliseconds(lambda: layer(images).numpy(), 15),
        "strided, backward": milliseconds(
            lambda: convolution_backward(maps, images, kernel, padding="same"), 15
        ),
    }
    for name, time in rows.items():
        print(f"{name:36}{time:10.1f} ms{time / strided:10.2f} ×")
    print(
        f"{'forward, held under':36}{BUDGET_MS:10.1f} ms  {'yes' if strided < BUDGET_MS else 'NO'}"
    )


if __name__ == "__main__":
    main()
