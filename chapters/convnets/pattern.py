"""A convnet in one line: the lectures' pattern notation, read and built.

Source: COMP7015 lecture 8, "CNN Architecture", after Karpathy's CS231n notes.

    pattern = "INPUT", { "->", item }
    item    = ( layer | "[", item, { "->", item }, "]" ), [ "*", count ], [ "?" ]
    layer   = "CONV" | "RELU" | "POOL" | "FC"
    count   = a whole number, or a letter that stands for one
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
from keras import layers

from companion.errors import UserError

LAYERS = ("CONV", "RELU", "POOL", "FC")
TOKEN = re.compile(r"->|→|[\[\]*?]|[A-Za-z]+|[0-9]+")
# More than any network of this notation needs; without a limit, 21 characters could ask for
# 10^12 layers.
MOST_LAYERS, MOST_WEIGHTS, DEEPEST, LONGEST = 100, 100_000_000, 20, 2000


class PatternError(UserError):
    """A pattern that cannot be read or built; the message points at the place.

    Args:
        pattern: The pattern.
        offset: Where it goes wrong, in characters from 0.
        problem: What is wrong there, and what could stand there instead.

    Attributes:
        column: The place, counted from 1.
    """

    def __init__(self, pattern: str, offset: int, problem: str):
        shown = re.sub("[^ -~→]", " ", pattern)  # what has the width of one character
        self.column = offset + 1
        # A long pattern is cut to what lies around the place.
        start = max(0, offset - 60)
        excerpt = shown[start : offset + 30]
        super().__init__(f"{excerpt}\n{' ' * (offset - start)}^\ncolumn {self.column}: {problem}")


@dataclass(frozen=True)
class Token:
    """One word or sign of a pattern: its text in capitals, and where it begins."""

    text: str
    offset: int


class Parser:
    """Reads a pattern from left to right, as the rules of the grammar say.

    Args:
        pattern: The pattern.
        repeats: A number for each letter that stands for one, e.g. ``{"N": 2}``.
        optional: Whether what is marked with ``?`` is there.
    """

    def __init__(self, pattern: str, repeats: Mapping[str, int], optional: bool):
        self.pattern, self.repeats, self.optional = pattern, repeats, optional
        self.tokens, self.next = self.split(), 0

    def split(self):
        """Return the pattern's tokens, and an empty one that stands for its end."""
        tokens, offset = [], 0
        while offset < len(self.pattern):
            matched = TOKEN.match(self.pattern, offset)
            if matched:
                tokens.append(Token(matched[0].upper().replace("→", "->"), offset))
            elif not self.pattern[offset].isspace():
                self.fail(
                    Token(self.pattern[offset], offset), "INPUT", *LAYERS, "->", "[", "]", "*", "?"
                )
            offset = matched.end() if matched else offset + 1
        return [*tokens, Token("", len(self.pattern))]

    def read(self):
        """Return the layers in order, groups written out: "INPUT", { "->", item }."""
        self.take("INPUT")
        tokens: list[Token] = []
        while self.here.text:
            self.take("->", also=("the end",))
            tokens = self.join(tokens, self.item(depth=1))
        return tokens

    def item(self, depth: int):
        """Return an item's layers: ( layer | group ), [ "*", count ], [ "?" ]."""
        start = self.here
        if start.text == "[":
            if depth > DEEPEST:
                self.fail(start, *LAYERS)
            self.next += 1
            tokens = self.item(depth + 1)
            while self.here.text != "]":
                self.take("->", also=("]",))
                tokens = self.join(tokens, self.item(depth + 1))
            self.next += 1
        else:
            tokens = [self.take(*LAYERS, also=("[",))]
        if self.here.text == "*":
            self.next += 1
            tokens = self.repeat(tokens, self.here)
        if self.here.text == "?":
            self.next += 1
            tokens = tokens if self.optional else []
        return tokens

    def repeat(self, tokens: list[Token], count: Token):
        """Return the layers as often as `count`, a number or a letter, says."""
        if count.text.isdigit():
            times = int(count.text)
        elif count.text in self.repeats:
            times = self.repeats[count.text]
        elif len(count.text) == 1 and count.text.isalpha():
            raise PatternError(
                self.pattern,
                count.offset,
                f"how often is {count.text}? Say it with the pattern: {count.text}=2.",
            )
        else:
            self.fail(count, "a number", "a letter that stands for one")
        self.next += 1
        if max(len(tokens), 1) * times > MOST_LAYERS:
            self.too_many(count)
        return tokens * times

    def join(self, first: list[Token], more: list[Token]):
        """Return both lists as one, unless that is too long."""
        if len(first) + len(more) > MOST_LAYERS:
            self.too_many(self.tokens[self.next - 1])
        return first + more

    @property
    def here(self):
        """The token that is to be read next."""
        return self.tokens[self.next]

    def take(self, *expected: str, also: Sequence[str] = ()):
        """Read one token that is `expected`; name what could `also` stand there if it is not."""
        token = self.here
        if token.text not in expected:
            self.fail(token, *expected, *also)
        self.next += 1
        return token

    def too_many(self, token: Token):
        """Refuse a network of more than `MOST_LAYERS` layers."""
        raise PatternError(
            self.pattern, token.offset, f"that makes more than {MOST_LAYERS} layers: repeat less."
        )

    def fail(self, token: Token, *expected: str):
        """Say what could stand where `token` stands."""
        *others, last = expected
        could_stand = f"{', '.join(others)} or {last}" if others else last
        received = f"Received: {token.text[:20]!r}." if token.text else "The pattern ends here."
        raise PatternError(self.pattern, token.offset, f"expected {could_stand}. {received}")


def from_pattern(
    pattern: str,
    input_shape: tuple[int, ...] = (28, 28, 1),
    classes: int = 10,
    *,
    filters: int | Sequence[int] = 32,
    units: int = 128,
    kernel: int = 3,
    optional: bool = True,
    **repeats: int,
):
    """Build the convnet that a pattern such as the lectures' describes.

    ``INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC``: ``*`` repeats what stands
    before it, ``?`` marks what may be left out, brackets group. The last FC is the output: one
    unit a class, with a softmax. White space and case do not matter.

    >>> pattern = "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC"
    >>> from_pattern(pattern, N=2, M=2, K=1).count_params()
    230186

    Args:
        pattern: The pattern.
        input_shape: ``(height, width, channels)`` of an image.
        classes: Number of classes.
        filters: Kernels of every CONV; or a sequence, its first number for the CONVs before the
            first POOL, its second for those after it, and so on; the last serves all that follow.
        units: Width of every FC but the last.
        kernel: Side of every kernel. Images are padded, so that CONV keeps their size.
        optional: Whether what is marked with ``?`` is there.
        **repeats: A number for each letter of the pattern that stands for one, e.g. ``N=2``.

    Returns:
        An uncompiled `keras.Model` from images to probabilities of shape ``(batch, classes)``.

    Raises:
        PatternError: If the pattern cannot be read, or what it describes cannot be built; it
            points at the place and says what could stand there.
        UserError: If a number given for a letter is no number of times.
    """
    steps = parse(pattern, optional=optional, **repeats)
    widths = [filters] if isinstance(filters, int) else list(filters)
    x = images = keras.Input(input_shape, name="image")
    weights = pools = 0
    for number, step in enumerate(steps, start=1):
        is_output, name = number == len(steps), f"{step.text.lower()}{number}"
        if step.text in ("CONV", "POOL"):
            _check_room(pattern, step, x.shape[1:])
        match step.text:
            case "CONV":
                width = widths[min(pools, len(widths) - 1)]
                layer = layers.Conv2D(width, kernel, padding="same", name=name)
                weights += kernel**2 * x.shape[-1] * width
            case "POOL":
                layer = layers.MaxPooling2D(2, name=name)
                pools += 1
            case "RELU":
                layer = layers.ReLU(name=name)
            case _:
                if len(x.shape) > 2:
                    x = layers.Flatten(name="flatten")(x)
                weights += x.shape[-1] * (classes if is_output else units)
                layer = layers.Dense(units, name=name)
        if weights > MOST_WEIGHTS:
            raise PatternError(
                pattern,
                step.offset,
                f"more than {MOST_WEIGHTS:,} weights by now: put a POOL before it, or give fewer "
                "filters or units.",
            )
        if is_output:
            layer = layers.Dense(classes, activation="softmax", dtype="float32", name="output")
        x = layer(x)
    return keras.Model(images, x, name="from_pattern")


def _check_room(pattern: str, step: Token, maps: tuple[int, ...]) -> None:
    """Refuse a CONV or POOL where no image is left for it."""
    if len(maps) == 1:
        raise PatternError(
            pattern,
            step.offset,
            f"expected RELU or FC: there is no image left for {step.text} once FC has come.",
        )
    if step.text == "POOL" and min(maps[:2]) < 2:
        raise PatternError(
            pattern,
            step.offset,
            f"nothing is left to pool: maps of {maps[0]}×{maps[1]}. Leave out a POOL, or give a "
            "larger image.",
        )


def parse(pattern: str, *, optional: bool = True, **repeats: int):
    """Return the layers that a pattern stands for, each with its place in it.

    >>> steps = parse("INPUT -> [CONV -> RELU]*N -> POOL? -> FC", N=2, optional=False)
    >>> [step.text for step in steps]
    ['CONV', 'RELU', 'CONV', 'RELU', 'FC']
    >>> parse("INPUT -> CONV RELU -> FC")
    Traceback (most recent call last):
    chapters.convnets.pattern.PatternError: INPUT -> CONV RELU -> FC
                  ^
    column 15: expected -> or the end. Received: 'RELU'.

    Args:
        pattern: The pattern.
        optional: Whether what is marked with ``?`` is there.
        **repeats: A number for each letter of the pattern that stands for one.

    Raises:
        PatternError: If the pattern cannot be read, or does not end in FC.
        UserError: If a number given for a letter is no number of times.
    """
    numbers = {letter.upper(): times for letter, times in repeats.items()}
    for letter, times in numbers.items():
        if type(times) is not int or times < 0:
            raise UserError(f"{letter} is a whole number from 0. Received: {letter}={times!r}.")
    if len(pattern) > LONGEST:
        raise PatternError(
            pattern, LONGEST, f"a pattern has at most {LONGEST} characters: use brackets and *."
        )
    parser = Parser(pattern, numbers, optional)
    for letter in numbers:
        if letter not in {token.text for token in parser.tokens}:
            raise UserError(
                f"There is no {letter} in the pattern {pattern!r} to stand for a number."
            )
    steps = parser.read()
    if not steps or steps[-1].text != "FC":
        raise PatternError(
            pattern,
            steps[-1].offset if steps else len(pattern),
            "the last layer must be FC: one score for each class. Add -> FC.",
        )
    return steps
