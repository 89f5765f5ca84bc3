"""Residual networks counted: every layer of table 1 of He et al. (2016), without building one."""

from collections.abc import Sequence
from typing import NamedTuple

from companion.errors import UserError

# Of each convolution in a block: its maps, in widths of the block, and its kernel's side.
BASIC, BOTTLENECK = ((1, 3), (1, 3)), ((1, 1), (1, 3), (4, 1))
# Table 1 of He et al. (2016): the kind of block, and how many of it are in conv2_x to conv5_x.
RESNET = {18: (BASIC, (2, 2, 2, 2)), 34: (BASIC, (3, 4, 6, 3)), 50: (BOTTLENECK, (3, 4, 6, 3))}


class Convolution(NamedTuple):
    """A convolution of a residual network, with the normalization behind it.

    Attributes:
        name: Stage, block and place, e.g. ``"conv2_1_conv1"``, or ``"…_shortcut"``.
        kernel: Side of its kernel.
        channels: Maps that come in.
        filters: Maps that go out.
        height: Rows of what goes out.
        width: Its columns.
        normalized: Whether a batch normalization follows (the last layer has a bias instead).
    """

    name: str
    kernel: int
    channels: int
    filters: int
    height: int
    width: int
    normalized: bool = True

    @property
    def parameters(self) -> int:
        """Weights, and two numbers for each map, or one bias for each class."""
        weights = self.kernel**2 * self.channels * self.filters
        return weights + (2 if self.normalized else 1) * self.filters

    @property
    def multiply_adds(self) -> int:
        """Products that are formed and added up for one image."""
        return self.kernel**2 * self.channels * self.filters * self.height * self.width


def block_parameters(
    channels: int, width: int, *, bottleneck: bool = False, projection: bool = False
) -> int:
    """Return the trainable parameters of a residual block: kernels, and γ and β behind each.

    Args:
        channels: Maps that come in.
        width: Maps of its first convolution.
        bottleneck: 1×1, 3×3, 1×1 with four times as many maps, in place of two 3×3.
        projection: Whether a 1×1 convolution with normalization stands in the shortcut.

    >>> block_parameters(64, 64), block_parameters(256, 64, bottleneck=True)
    (73984, 70400)
    """
    plan = BOTTLENECK if bottleneck else BASIC
    return sum(one.parameters for one in _block("", plan, channels, width, 1, projection))


def _block(
    name: str, plan: Sequence[tuple[int, int]], channels: int, width: int, side: int, project: bool
) -> list[Convolution]:
    """Return a block's convolutions; the first has the stride, so all give out the same size."""
    layers, given = [], channels
    for number, (times, kernel) in enumerate(plan, start=1):
        filters = times * width
        layers.append(Convolution(f"{name}_conv{number}", kernel, given, filters, side, side))
        given = filters
    if project:
        layers.append(Convolution(f"{name}_shortcut", 1, channels, given, side, side))
    return layers


def resnet_layers(depth: int, side: int = 224, classes: int = 1000) -> list[Convolution]:
    """Return every layer with weights of a residual network as He et al. (2016) publish it.

    Args:
        depth: 18, 34 or 50.
        side: Height and width of the image, with three colours.
        classes: Number of classes.

    Returns:
        The layers in order, projections of shortcuts among them; the last one is dense, written
        as a 1×1 convolution of one pixel.

    Raises:
        UserError: If the table has no such column.

    >>> [sum(one.parameters for one in resnet_layers(depth)) for depth in (18, 34, 50)]
    [11689512, 21797672, 25557032]
    >>> layers = resnet_layers(50)
    >>> sum("shortcut" not in one.name for one in layers)
    50
    >>> round(sum(one.multiply_adds for one in layers) / 1e9, 2)
    3.86
    """
    if depth not in RESNET:
        raise UserError(f"The table has 18, 34 and 50 layers. Received: depth={depth!r}.")
    plan, stages = RESNET[depth]
    side = (side + 1) // 2
    layers = [Convolution("conv1", 7, 3, 64, side, side)]
    side, channels = (side + 1) // 2, 64
    for stage, blocks in enumerate(stages):
        width = 64 * 2**stage
        for number in range(blocks):
            if stage and not number:
                side = (side + 1) // 2
            changes = channels != plan[-1][0] * width or bool(stage and not number)
            name = f"conv{stage + 2}_{number + 1}"
            layers += _block(name, plan, channels, width, side, changes)
            channels = plan[-1][0] * width
    return [*layers, Convolution("output", 1, channels, classes, 1, 1, normalized=False)]
