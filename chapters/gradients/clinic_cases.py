"""The cases of the clinic: what was done to each run, and what speaks against the near suspects."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A sick run, and the suspects.

    Attributes:
        fault: What was done to it, a name of `chapters.gradients.faults.FAULTS`.
        seed: What draws it; none below 100,000, for those are kept for the judgement.
        near: Other faults that come to mind, each with what speaks against it.
    """

    fault: str
    seed: int
    near: dict[str, str]


CASES = (
    Case("rate too high", 200_003, {
        "exploding gradients": "Before the first step the gradients are of a usual size: it is the "
        "steps that make them grow.",
        "wrong labels": "Then the loss would stay at log of the classes; it does not rise far "
        "above.",
        "first loss off": "The first loss is what guessing costs. What comes after is not.",
    }),
    Case("softmax twice", 200_004, {
        "rate too low": "The weights have moved by more than a half of their size.",
        "wrong labels": "The accuracy rises, on validation examples, too: labels do follow inputs.",
        "vanishing gradients": "The gradient of the first layer is as large as that of the last.",
    }),
    Case("vanishing gradients", 200_008, {
        "rate too low": "The last layer moves as it should; the first ones do not, because what "
        "comes back to them is next to nothing.",
        "saturated units": "No unit is flat. Each σ′ is at most ¼, and that, many times over, is "
        "enough.",
        "wrong labels": "The loss stays at what guessing costs, as it would then. But the gradient "
        "shrinks from layer to layer, and labels do not do that.",
    }),
    Case("wrong labels", 200_012, {
        "overfitting": "The validation loss does not fall before it rises: there is nothing in "
        "these labels that holds for other examples.",
        "rate too low": "The training loss falls, and the weights move.",
        "sorted batches": "Each batch holds all classes.",
    }),
    Case("inputs out of range", 200_001, {
        "exploding gradients": "The gradients are large in every layer, not more from layer to "
        "layer: what comes in is large.",
        "rate too high": "The first loss is far off before a step is taken.",
        "penalty too strong": "The loss falls far below where it began, and no penalty is there.",
    }),
    Case("frozen layers", 200_014, {
        "vanishing gradients": "A layer that gets a small gradient moves a little. These have not "
        "moved at all, and have no gradient to show.",
        "dead units": "A good part of the units answers.",
        "rate too low": "The last layer moves.",
    }),
    Case("overfitting", 200_011, {
        "leak": "A leak makes validation look good. Here it looks bad.",
        "rate too high": "The training loss falls to nothing.",
        "classes missing": "Training and validation hold the classes in the same shares.",
    }),
    Case("dead units", 200_013, {
        "vanishing gradients": "Behind the dead layer the gradient is not small, but 0.",
        "frozen layers": "The layers are trainable. Nothing comes back to them, for each unit of "
        "the layer above is 0.",
        "weights alike": "The first weights differ. It is the biases that are far below zero.",
    }),
    Case("sorted batches", 200_016, {
        "rate too high": "The loss jumps at the same places of each epoch: where a class ends.",
        "classes missing": "Validation holds the classes in the shares of training.",
        "wrong labels": "Within an epoch a class is learned at once: the labels hold.",
    }),
    Case("leak", 200_021, {
        "validation easier than training": "Its loss is not far below that of the training "
        "examples.",
        "overfitting": "It would show as a validation loss that rises. Its examples are known by "
        "heart, too.",
        "classes missing": "Training and validation hold the classes in the same shares.",
    }),
    Case("rate too low", 200_024, {
        "frozen layers": "Every layer moves: a little.",
        "vanishing gradients": "The gradient of the first layer is as large as that of the last.",
        "wrong labels": "The accuracy creeps up, and the loss falls in a straight line: longer "
        "steps would go on.",
    }),
    Case("classes missing", 200_028, {
        "overfitting": "The validation loss is high from the first epoch on.",
        "wrong labels": "Training examples are learned within few epochs, by rule, not by heart.",
        "sorted batches": "Each batch holds all classes that training has: fit shuffles what is "
        "left after the split.",
    }),
    Case("saturated units", 200_029, {
        "dead units": "These units answer, with 1, −1 or 0 and little between. Dead ones are 0.",
        "vanishing gradients": "Nothing here is deep. The slopes are 0 because the sums are large.",
        "rate too low": "Everything moves. But units that are flat learn nothing from it.",
    }),
    Case("batch statistics at inference", 200_034, {
        "moving averages behind": "Then training examples would be answered badly. They are "
        "answered well, as long as many are asked about at once.",
        "overfitting": "The validation loss does not rise.",
        "leak": "No validation example is a training example.",
    }),
    Case("weights alike", 200_037, {
        "dead units": "The units answer. They all answer the same.",
        "rate too low": "The weights have moved: all in step.",
        "vanishing gradients": "The gradients are there, and equal for all units of a layer.",
    }),
    Case("probabilities taken for logits", 200_041, {
        "rate too low": "The weights have moved by more than a half of their size.",
        "wrong loss": "The loss is a cross-entropy: it begins near log of the classes.",
        "saturated units": "Before the first step no hidden unit is flat.",
    }),
)  # fmt: skip
