"""No number of a lesson, a caption or a figure's text comes from nowhere."""

import doctest

import number_equations
import number_gate
import pytest

from companion import catalogue
from companion.lesson import page_files

CHAPTERS = [one.name for one in catalogue.discover()]


def test_the_gate_reads_numbers_and_formulas_as_its_examples_say():
    for module in (number_equations, number_gate):
        assert doctest.testmod(module).failed == 0


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.no_cover
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_number_of_a_lesson_comes_from_somewhere(chapter):
    assert [one for file in page_files(chapter) for one in number_gate.unexplained(file)] == []


def test_each_number_of_a_page_of_the_whole_book_comes_from_somewhere():
    for file in number_gate.BOOK_PAGES:
        assert number_gate.unexplained(file) == []
        assert number_gate.typed_by_hand(file.with_suffix(".py")) == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_numbers_in_the_words_of_a_figure_are_computed(chapter):
    folder = catalogue.find_chapter(chapter).folder
    assert [one for file in folder.glob("*.py") for one in number_gate.typed_by_hand(file)] == []


@pytest.fixture
def complaints(monkeypatch, tmp_path):
    """What the gate says of a paragraph on a page of the memory chapter that prints 0.25."""

    def of(paragraph):
        file = tmp_path / "memory" / "README.md"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"# Title {{#title}}\n\n{paragraph}\n")
        monkeypatch.setattr(number_gate, "printed_by", lambda _: {file: "0.25"})
        return number_gate.unexplained(file)

    return of


@pytest.mark.parametrize(
    "paragraph",
    [
        "A gate of 0.9 loses all but $0.9^{30} = 0.042$.",
        "Of these 25 % are left, 0.25 of all.",
        "It has 7·7·32 = 1,568 inputs.",
        "The mean is 20.7 %. <!-- from: weight_decay -->",
        "After a while 0.042 is left. <!-- is: 0.9**30 -->",
        "An LSTM has 4,480 more. <!-- is: lstm_parameters(8, 64) - gru_parameters(8, 64) -->",
        'The network has 19,338 parameters. <!-- is: parameters["lstm"] -->',
        "It reached 0.837. <!-- source: Hannun et al. 2019, abstract -->",
        "Le (2015), [arXiv:1504.00941](https://arxiv.org/abs/1504.00941), has 99.5 %.",
        "In 2017 LeNet-5, ResNet-110 and CS3244; section 4.1, `0.777`, 12 of 99.",
        "| a | b |\n|---|---|\n| 0.25 | 1,568 |\n\n<!-- is: 7 * 7 * 32 -->",
    ],
)
def test_a_number_that_is_accounted_for_passes(paragraph, complaints):
    assert complaints(paragraph) == []


@pytest.mark.parametrize(
    ("paragraph", "named"),
    [
        ("An accuracy of 97.3 %.", "97.3 %: where"),
        ("It has 61,706 parameters.", "61,706: where"),
        ("A third is 0.333, and 0.42 is more. <!-- is: 1 / 3 -->", "0.42: where"),
        ("With 77.7 % it fails. <!-- from: weight_decay -->", "77.7 %: where"),
        ("All but $0.9^{30} = 0.052$ is lost.", "0.9^{30} is 0.0423912, and not 0.052"),
        (r"So $\frac{1}{4} + 0.5 = 0.85$.", "is 0.75, and not 0.85"),
        ("It has 7·7·32 = 1,586 inputs.", "7·7·32 is 1568, and not 1586"),
        ("- A point. <!-- is: 1 / 3 -->\n- Another, 0.333.", "0.333: where"),
    ],
)
def test_a_number_from_nowhere_and_an_equation_that_is_wrong_are_named(
    paragraph, named, complaints
):
    assert any(named in one for one in complaints(paragraph))


def test_a_mark_that_works_nothing_out_is_no_mark(complaints):
    with pytest.raises(ValueError, match="works nothing out"):
        complaints("It is 0.42. <!-- is: 0.42 -->")


def test_a_number_that_a_figure_says_and_nothing_computes_is_named(tmp_path):
    sample = tmp_path / "figures.py"
    sample.write_text(
        "def one() -> Figure:\n"
        "    '''Errors of 12.5 %.'''\n\n\n"
        "def two() -> Figure:\n"
        "    '''Not its text: 0.4.'''\n"
        "    rate = 0.3\n"
        "    figure.set_label(f'{share:.1%} at a rate of 0.3, and 250 others')\n"
    )
    assert [one.split(": ", 1)[1] for one in number_gate.typed_by_hand(sample)] == [
        "one says 12.5 %: compute it",
        "two says 250: compute it",
    ]
