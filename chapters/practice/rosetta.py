"""Rosetta: what two of the lectures say in PyTorch, said in Keras, in columns that run.

Each column is a script of its own, imports and all. A column's second part, below ``# use it``,
begins with the weights of the other column: the tests carry them over (`weights.py`), run both,
and compare what the pair names.
"""

from chapters.practice.rosetta_layers import LAYERS
from chapters.practice.rosetta_networks import NETWORKS
from chapters.practice.rosetta_pair import Pair
from chapters.practice.rosetta_training import TRAINING
from companion.errors import UnknownNameError

PAIRS = (*NETWORKS, *TRAINING, *LAYERS)
"""The pairs, in the order of the page."""


def pair(name: str) -> Pair:
    """Return the pair of a name.

    Raises:
        UnknownNameError: If there is none.
    """
    found = {one.name: one for one in PAIRS}
    if name not in found:
        raise UnknownNameError("pair", name, found)
    return found[name]


def columns(name: str) -> str:
    """Return a pair as Markdown: side by side where there is room, each with a button to copy it.

    Args:
        name: The pair's name.

    Raises:
        UnknownNameError: If there is none.
    """
    one = pair(name)
    shown = "".join(
        f"<div markdown>\n\n**{language}**\n\n```py\n{code}```\n\n</div>\n\n"
        for language, code in (("PyTorch", one.pytorch), ("Keras", one.keras))
    )
    return f'<div class="columns" markdown>\n\n{shown}</div>'
