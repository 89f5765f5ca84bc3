"""The search: what students look for is found in the lesson that teaches it, among the first two."""

import functools
import http.server
import threading

import pytest
from test_browser import CHROMIUM, FLAGS, Server, pytestmark, visit  # noqa: F401

# What a reader of the site looked for in vain, and words that were missing from headings.
WORDS = {
    "lstm": "memory",
    "gru": "memory",
    "dropout": "regularization/02",
    "lenet": "convnets",
    "padding": "convolution",
    "adam": "optimizers/02",
    "attention": "ecg",
    "receptive field": "convolution/03",
    "gradient descent": "optimizers",
    "vanishing gradient": "gradients recurrence",
    "learning rate": "optimizers",
    "transfer learning": "transfer",
    "cross entropy": "neurons/03",
    "cross-entropy": "neurons/03",
    "confusion matrix": "ecg/02 practice",
    "truncated backpropagation": "recurrence",
    "gradient clipping": "gradients recurrence",
    "sentiment": "recurrence/02",
    "anomaly detection": "recurrence/02",
    "forecasting": "recurrence/02",
    "relu": "neurons/02",
    "sigmoid": "neurons/02",
    "optimizer": "optimizers",
    "embedding": "recurrence",
    "batch normalization": "optimizers/03",
}
# Headings of the five decks, as they stand there; listed before the search was tuned to anything.
HEADINGS = {
    "Feature Kernels & Feature Maps": "convolution convnets",
    "RNN Weights": "recurrence",
    "Saturating Gradient Problem": "gradients neurons/02",
    "Vanishing Gradient Problem": "gradients recurrence",
    "Mitigating Vanishing Gradients in RNN": "memory gradients recurrence",
    "Rectified Linear Unit (ReLU)": "neurons/02",
    "Adaptive Learning Factor": "optimizers/02",
    "ADAM: Adaptive Learning Factor w/ Momentum": "optimizers/02",
    "Generalizing Backpropagation": "backprop",
    "Multi-layer Perceptron (MLP)": "backprop/02 neurons",
    "Pyramid RNN": "memory/02",
    "Feed-forward vs Recurrent Network": "recurrence",
    "Max Pooling": "convolution/03 convnets/02",
    "Images and Fully Connected Networks": "convolution convnets",
    "Dataset Poisoning": "practice",
    "Class Imbalances": "practice",
    "Parameter Norm Penalties": "regularization",
    "Dataset Augmentation": "regularization/03",
    "Backpropagation Through Time": "recurrence",
    "State of the art object recognition using CNNs": "convnets/02",
}
SLIPS = {"dropuot": "dropout", "embeding": "embedding", "regularisation": "regularization"}
