"""Wrong answers that students would give, written without a look at the known mistakes.

Each chapter has a module of them: ten to each of its exercises in NumPy, and in some what came to
mind `LATER`, when the mistakes of the ten had been listed, to 24 exercises drawn by lot.

Of the 680 that were written last, to 68 exercises, from signature and docstring alone, 468 (69 %)
were named before a mistake was listed for any of them, and eight passed. Of the 72 in `LATER`, 18
were (25 %).
"""

from wrong_answers import (
    backprop,
    convnets,
    convolution,
    ecg,
    gradients,
    memory,
    neurons,
    optimizers,
    practice,
    recurrence,
    regularization,
    transfer,
)

CHAPTERS = (
    neurons,
    backprop,
    optimizers,
    regularization,
    convolution,
    convnets,
    recurrence,
    memory,
    gradients,
    ecg,
    transfer,
    practice,
)
ANSWERS = {name: answers for chapter in CHAPTERS for name, answers in chapter.ANSWERS.items()}
LATER = {
    name: answers for chapter in CHAPTERS for name, answers in getattr(chapter, "LATER", {}).items()
}
