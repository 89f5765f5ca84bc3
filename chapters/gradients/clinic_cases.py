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
        "steps that throw the loss up to 114; at the end the gradients are 0.",
        "wrong labels": "Then the loss would stay at log of the classes and not rise far above it.",
        "first loss off": "The first loss is what guessing costs. What comes after is not.",
    }),
    Case("softmax twice", 200_004, {
        "rate too low": "The weights have moved by about a third of their size.",
        "wrong labels": "The accuracy rises, on validation examples, too: labels do follow inputs.",
        "vanishing gradients": "The gradient of the first layer is more than a third of the last "
        "one's.",
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
        "exploding gradients": "There are two layers, and the first one's gradient is smaller than "
        "the last one's: nothing grows on the way back. What comes in is large.",
        "rate too high": "The training loss falls from 0.205 to 0.04: no step throws it up.",
        "penalty too strong": "The loss falls far below where it began: no penalty holds it up.",
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
        "classes missing": "Training holds all ten classes.",
    }),
    Case("dead units", 200_013, {
        "vanishing gradients": "No example sends a gradient back: every hidden unit is 0. The "
        "small one that is left is the penalty's on the weights.",
        "frozen layers": "The layers are trainable and move. But only the penalty moves them, "
        "towards 0: nothing comes back from the loss.",
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
        "vanishing gradients": "The gradient of the first layer is two thirds of the last one's.",
        "wrong labels": "The accuracy creeps up, and the loss falls a little in every epoch: "
        "longer steps would go on.",
    }),
    Case("classes missing", 200_028, {
        "overfitting": "The validation loss begins high and falls below that of training. With "
        "overfitting it would rise.",
        "wrong labels": "Training examples are learned within few epochs, by rule, not by heart.",
        "sorted batches": "Each batch holds all classes that training has: fit shuffles what is "
        "left after the split.",
    }),
    Case("saturated units", 200_029, {
        "dead units": "These units answer, with 0 or 1 and little between. A dead ReLU is 0 for "
        "every example.",
        "vanishing gradients": "Nothing here is deep. The slopes are 0 because the sums are large.",
        "rate too low": "The last layer moves by two thirds of its size. The hidden ones hardly "
        "move, for flat units pass next to no gradient.",
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
        "rate too low": "The last layer's weights have moved by three quarters of their size.",
        "wrong loss": "The loss is a cross-entropy, and the model gives one number for each "
        "class.",
        "saturated units": "The hidden units are ReLUs, at 0 for half of what they answer, as they "
        "should be; none is dead.",
    }),
)  # fmt: skip
