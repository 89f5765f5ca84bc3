"""Figures to touch: each can be read, and is used by finger and by keys."""

import pytest
from browsing import needs_browser
from figure_page import PHONE, barriers, faint_words, figures, news, shown
from javascript import needs_node

# These are older than the tests below; test_figures_on_the_site.py uses them on the built site.
ON_THE_SITE = {
    "neurons",
    "backprop",
    "optimizers",
    "gradients",
    "memory",
    "transfer",
    "number-formats",
}
FIGURES = [name for name in figures() if name not in ON_THE_SITE]
WITHOUT_SLIDERS = {"convnets", "convolution", "kernels"}
pytestmark = [pytest.mark.slow, needs_node]


@pytest.mark.drawn
@needs_browser
@pytest.mark.parametrize("scheme", ["default", "slate"])
@pytest.mark.parametrize("name", FIGURES)
def test_every_word_of_a_figure_can_be_read_on_a_phone_and_off_it(name, scheme, chromium, tmp_path):
    for how in (PHONE, {}):
        with shown(chromium, tmp_path, name, scheme, **how) as page:
            assert faint_words(page) == []
            assert barriers(page) == []


@needs_browser
@pytest.mark.parametrize("name", FIGURES)
def test_every_control_answers_a_finger_in_forced_colours(name, chromium, tmp_path):
    how = {**PHONE, "forced_colors": "active", "reduced_motion": "reduce"}
    with shown(chromium, tmp_path, name, **how) as page:
        for choice in page.locator("select").all():
            for option in choice.locator("option").all():
                if choice.is_visible():
                    choice.select_option(value=option.get_attribute("value"))
        for button in page.locator("[data-figure] button").all():
            if button.is_visible() and button.is_enabled():
                button.tap()
        for box in page.locator("input[type=checkbox]").all():
            box.tap()
        assert news(page)


# A figure but for its sliders: what they are to move.
THE_REST = """() => {
  const figure = document.querySelector("[data-figure]").cloneNode(true);
  for (const slider of figure.querySelectorAll(".figure-slide")) slider.remove();
  return figure.innerHTML;
}"""


@needs_browser
@pytest.mark.parametrize("name", [name for name in FIGURES if name not in WITHOUT_SLIDERS])
def test_every_slider_of_a_figure_is_moved_by_keys(name, chromium, tmp_path):
    how = {**PHONE, "forced_colors": "active", "reduced_motion": "reduce"}
    with shown(chromium, tmp_path, name, **how) as page:
        sliders = page.locator("input[type=range]")
        assert sliders.count() > 0
        for slider in sliders.all():
            slider.focus()
            first = slider.input_value()
            page.keyboard.press("Home")
            low, before = slider.get_attribute("aria-valuetext"), page.evaluate(THE_REST)
            page.keyboard.press("End")
            assert slider.get_attribute("aria-valuetext") != low
            assert page.evaluate(THE_REST) != before
            slider.fill(first)
            assert page.locator(f'label[for="{slider.get_attribute("id")}"]').inner_text()
