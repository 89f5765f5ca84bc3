"""Networks of the catalogue as one writes them in PyTorch, layer by layer of the same shapes."""

import torch
from torch import Tensor, nn


def network(name: str, classes: int) -> nn.Module:
    """Build one that gives scores for each class.

    Args:
        name: The catalogue's name of it: one of `BUILDERS`.
        classes: Number of classes.
    """
    return BUILDERS[name](classes)


def lenet5(classes: int) -> nn.Module:
    """LeNet-5 with max pooling and ReLU, from images of 28×28."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 120, 5), nn.ReLU(),
        nn.Flatten(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes),
    )  # fmt: skip


def vgg_d(classes: int) -> nn.Module:
    """VGG's configuration D, from images of 224×224."""
    parts: list[nn.Module] = []
    width = 3
    for filters, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(depth):
            parts += [nn.Conv2d(width, filters, 3, padding=1), nn.ReLU()]
            width = filters
        parts.append(nn.MaxPool2d(2))
    parts += [nn.Flatten()]
    for inputs in (512 * 7 * 7, 4096):
        parts += [nn.Linear(inputs, 4096), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*parts, nn.Linear(4096, classes))


def vgg_small(classes: int) -> nn.Module:
    """Three blocks of two convolutions, each normalized, from images of 16×16."""
    parts: list[nn.Module] = []
    width = 1
    for filters in (16, 32, 64):
        for _ in range(2):
            parts += [nn.Conv2d(width, filters, 3, padding=1), nn.ReLU()]
            width = filters
        parts += [nn.MaxPool2d(2), nn.BatchNorm2d(filters)]
    parts += [nn.Flatten(), nn.Linear(64 * 2 * 2, 64), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*parts, nn.Linear(64, classes))


class Recurrent(nn.Module):
    """LSTM layers; between two of them, two frames become one where it reads both ways."""

    def __init__(self, classes: int, features: int, units: int, count: int, both: bool) -> None:
        super().__init__()
        sizes = [features, *[4 * units] * (count - 1)]
        self.layers = nn.ModuleList(
            nn.LSTM(size, units, batch_first=True, bidirectional=both) for size in sizes
        )
        self.output = nn.Linear((1 + both) * units, classes)

    def forward(self, x: Tensor) -> Tensor:
        for number, layer in enumerate(self.layers):
            if number:
                x = x.reshape(len(x), x.shape[1] // 2, -1)
            x, (state, _) = layer(x)
        return self.output(torch.cat(list(state), dim=-1))


class Residual(nn.Module):
    """Two convolutions over time beside a shortcut, which is averaged where they skip."""

    def __init__(self, inputs: int, filters: int, kernel: int, stride: int) -> None:
        super().__init__()
        around = kernel // 2
        self.inside = nn.Sequential(
            nn.Conv1d(inputs, filters, kernel, stride, around, bias=False),
            nn.BatchNorm1d(filters), nn.ReLU(), nn.Dropout1d(0.1),
            nn.Conv1d(filters, filters, kernel, 1, around, bias=False),
            nn.BatchNorm1d(filters),
        )  # fmt: skip
        skip = nn.AvgPool1d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        wider = nn.Conv1d(inputs, filters, 1, bias=False) if inputs != filters else nn.Identity()
        self.shortcut = nn.Sequential(skip, wider)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.shortcut(x) + self.inside(x))


class ECG(nn.Module):
    """The ECG chapter's convolutional network, from `(batch, samples, 1)`."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        width = 32
        self.first = nn.Sequential(
            nn.ConstantPad1d((6, 7), 0), nn.Conv1d(1, width, 16, 3, bias=False),
            nn.BatchNorm1d(width), nn.ReLU(), nn.MaxPool1d(2, ceil_mode=True),
        )  # fmt: skip
        blocks = []
        for number, (filters, count, kernel) in enumerate(
            ((32, 1, 7), (48, 2, 7), (64, 2, 7), (80, 2, 5))
        ):
            for block in range(count):
                stride = 2 if number and block == 0 else 1
                blocks.append(Residual(width, filters, kernel, stride))
                width = filters
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * width, classes))

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        x = x - x.mean(-1, keepdim=True)
        x = (x / (1.25 * x.abs().mean(-1, keepdim=True) + 1e-3)).clip(-8, 8)
        x = self.blocks(self.first(x))
        return self.last(torch.cat([x.mean(-1), x.amax(-1)], -1))


BUILDERS = {
    "lenet5": lenet5,
    "vgg_small": vgg_small,
    "vgg_d": vgg_d,
    "lstm": lambda classes: Recurrent(classes, 8, 64, 1, both=False),
    "pyramid_rnn": lambda classes: Recurrent(classes, 40, 32, 3, both=True),
    "cnn": ECG,
}
