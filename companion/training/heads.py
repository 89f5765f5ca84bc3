"""Two heads on one network: its own softmax, and a support vector machine on the same features."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from companion.datasets import Dataset
from companion.errors import UserError

# A support vector machine's training time grows with the square of their number.
MOST_EXAMPLES = 10_000


def feature_extractor(model: keras.Model) -> keras.Model:
    """Return the model without its head: up to the last layer that is not as wide as its output.

    For LeNet-5 that is F6, with 84 features.

    Raises:
        UserError: If the model is not a graph of layers, or has no such layer.
    """
    inputs, outputs = getattr(model, "inputs", None) or [], getattr(model, "outputs", None) or []
    if len(inputs) != 1 or len(outputs) != 1:
        raise UserError(
            "Features are taken from a functional or sequential model with one input and one "
            f"output. Received: {model.name}."
        )
    for layer in reversed(model.layers[:-1]):
        if isinstance(layer, keras.layers.InputLayer):
            break
        if layer.output.shape != outputs[0].shape:
            return keras.Model(inputs[0], layer.output)
    raise UserError(f"{model.name} is all head: there is no layer before its output to read.")


def svm_accuracy(model: keras.Model, data: Dataset) -> float:
    """Return the test accuracy of a support vector machine on a trained model's features.

    scikit-learn's SVC with its defaults, fitted to the standardized features of the training split
    (of its first 10,000 examples, where there are more).

    Args:
        model: A trained classifier.
        data: Its data, with examples of the shape that it reads.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    extractor = feature_extractor(model)

    def features(x: NDArray[Any]) -> NDArray[Any]:
        outputs = extractor.predict(x, batch_size=512, verbose=0)
        return np.asarray(outputs, "float32").reshape(len(x), -1)

    machine = make_pipeline(StandardScaler(), SVC())
    machine.fit(features(data.train.x[:MOST_EXAMPLES]), data.train.y[:MOST_EXAMPLES])
    return float(machine.score(features(data.test.x), data.test.y))
