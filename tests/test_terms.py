"""The glossary on hover: the first mention of each term explains it, and no other."""

from markdown import Markdown

from companion.terms import glossary


def as_page(text):
    return Markdown(extensions=["attr_list", "companion.terms"]).convert(text)


def test_the_first_mention_of_a_term_explains_it_and_no_later_one():
    page = as_page("Two GRUs and a gru.\n\n- An LSTM, then *dropout* and `adam`.\n- dropout")
    assert page.count('class="term"') == 3
    assert ">GRUs</abbr> and a gru." in page
    assert "GRU, gated recurrent unit: a recurrent cell with two gates" in page
    assert "<li>dropout</li>" in page
    assert "<code>adam</code>" in page


def test_longer_terms_come_first_and_a_line_may_break_within():
    page = as_page("The learning\nrate; batch normalization of a batch.")
    assert 'data-term="learning-rate"' in page
    assert 'data-term="batch-normalization"' in page
    assert page.count('class="term"') == 3


def test_what_is_explained_here_or_leads_elsewhere_is_left_alone():
    page = as_page("# Dropout\n\nA **perceptron** learns. [LSTM](x.md) Perceptrons. Dropouts-like.")
    assert "term" not in page


def test_every_entry_of_the_glossary_has_an_anchor_and_one_sentence():
    names = {name for name, _ in glossary().values()}
    page = as_page("# Glossary\n\n" + "\n\n".join(f"**{name}**: x." for name in sorted(names)))
    assert page.count('<p id="term-') == len(names) > 90
    for word in ("lstm", "gru", "relu", "sigmoid", "learning rate", "cross-entropy", "optimizer",
                 "adam", "embedding", "batch normalization", "confusion matrix"):  # fmt: skip
        assert word in glossary(), word
    assert all("[" not in said and "**" not in said for _, said in glossary().values())
