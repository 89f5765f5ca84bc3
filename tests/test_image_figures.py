"""Figures of images: LeNet-5 whole, and a kernel over channels and over a picture."""

import numpy as np
import pytest
from browsing import needs_browser
from figure_page import CHAPTERS, PHONE, news, shown
from javascript import in_javascript, needs_node

PICTURE = CHAPTERS / "convolution" / "picture.js"
pytestmark = [pytest.mark.slow, needs_node]

# ---- LeNet-5, whole -----------------------------------------------------------------------------


@needs_browser
@pytest.mark.parametrize("opened", ["convnets"], indirect=True)
def test_every_layer_of_lenet5_is_read_down_to_the_output(opened):
    behind = opened.locator(".figure-products")
    for layer, count, below in (("C5", 400, "S4"), ("F6", 120, "C5"), ("Output", 84, "F6")):
        opened.get_by_label(f"{layer}: ").focus()
        opened.keyboard.press("ArrowRight")
        opened.keyboard.press("PageDown")
        assert f"{count} products of {below}" in behind.inner_text()
        assert "The 5 largest: " in behind.inner_text()
    assert "Output 2: the network gives 2 a probability of" in news(opened)
    opened.get_by_label("Output: ").press("ArrowRight")
    assert news(opened) == "Output 3: the network gives 3 a probability of 1."
    opened.get_by_label("C3: ").click(position={"x": 60, "y": 20})
    lens = opened.get_by_label("Lens on")
    lens.click(position={"x": 5, "y": 200})
    assert news(opened).startswith("C3, map 2, row 9, column 0: ")
    lens.press("ArrowUp")
    assert news(opened).startswith("C3, map 2, row 8, column 0: ")


@needs_browser
def test_a_tap_draws_a_dot_and_strokes_are_taken_back(chromium, tmp_path):
    with shown(chromium, tmp_path, "convnets", **PHONE) as page:
        pad, bars = page.locator(".figure-pad"), page.locator(".figure-bars")
        first = bars.inner_text()
        page.get_by_role("button", name="Wipe").tap()
        assert "%" not in bars.inner_text()
        pad.tap(position={"x": 100, "y": 100})
        dot = bars.inner_text()
        assert "%" in dot
        pad.tap(position={"x": 100, "y": 150})
        assert bars.inner_text() != dot
        page.get_by_role("button", name="Undo").tap()
        assert bars.inner_text() == dot
        pad.press("Backspace")
        assert "the pad is empty" in news(page)
        pad.press("Control+z")
        assert bars.inner_text() == first
        pad.press("Backspace")
        assert "no stroke to take back" in news(page)


# ---- channels, dilation, and kernels over a picture ---------------------------------------------


@needs_browser
@pytest.mark.parametrize("opened", ["convolution"], indirect=True)
def test_a_kernel_is_stepped_over_channels_with_holes_in_it(opened):
    def fill(name, value):
        opened.get_by_label(name, exact=True).fill(value)

    fill("Image side", "7")
    fill("Dilation", "2")
    assert opened.locator(".figure-grid td.on").count() == 9 + 1  # and the place in the map
    assert "Feature map, 3×3" in opened.locator("[data-figure]").inner_text()
    fill("Channels", "2")
    assert opened.locator(".figure-sum").inner_text().count("·") == 18
    fill("Kernel, channel 2, row 2, column 2", "5")
    opened.get_by_role("button", name="Reveal").click()
    assert "S(0, 0) = 7." in news(opened)  # 1 + 1 of the first channel, 5·1 of the second
    fill("Dilation", "4")
    alert = opened.get_by_role("alert").filter(has_text="reaches over 9 places")
    assert "a smaller dilation" in alert.inner_text()
    fill("Dilation", "1.5")
    assert "whole number from 1. Received: 1.5." in opened.locator("[data-figure]").inner_text()


def test_a_picture_is_filtered_as_python_filters_it():
    from chapters.convolution import convolution
    from chapters.convolution.scratch import KERNELS

    kernels = in_javascript(PICTURE, "(p) => p.KERNELS")
    assert list(kernels) == list(KERNELS)
    for name, (kernel, divisor) in kernels.items():
        np.testing.assert_allclose(np.array(kernel) / divisor, KERNELS[name], atol=1e-12)
    rng = np.random.default_rng(0)
    x, w = rng.random((9, 6)), rng.normal(size=(3, 3))
    mapped, sums = in_javascript(
        PICTURE,
        """(p, [x, w]) => {
            const image = { data: x.flat(), width: 6, height: 9 };
            const places = Array.from({ length: 54 }, (_, i) => [Math.floor(i / 6), i % 6]);
            return [Array.from(p.filtered(image, w, 4).data), places.map(([i, j]) =>
                p.terms(image, w, 4, i, j).reduce((sum, t) => sum + t.product, 0))]; }""",
        [x.tolist(), w.tolist()],
    )
    expected = convolution(x[None, ..., None], w[..., None, None] / 4, padding=1).ravel()
    np.testing.assert_allclose(mapped, expected, atol=1e-9)
    np.testing.assert_allclose(sums, expected, atol=1e-9)


@needs_browser
def test_a_picture_of_ones_own_is_filtered_on_a_phone(chromium, tmp_path):
    from PIL import Image

    Image.new("RGB", (400, 200), (255, 0, 0)).save(tmp_path / "red.png")
    (tmp_path / "no.png").write_text("no picture")
    with shown(chromium, tmp_path, "kernels", **PHONE) as page:
        assert "a smooth patch becomes 0" in news(page)
        page.get_by_label("A kernel of the lecture").select_option("box blur")
        blurred = "The weights, divided by 9, add up to 1: a smooth patch stays as it is."
        assert blurred in news(page)
        page.locator("input[type=file]").set_input_files(tmp_path / "red.png")
        page.wait_for_function(
            "document.querySelector('.figure-news').textContent.includes('160 by 80')"
        )
        assert "between 0.133 and 0.299" in news(page)  # a corner meets five zeros of nine
        page.locator("input[type=file]").set_input_files(tmp_path / "no.png")
        page.get_by_role("alert").filter(has_text="“no.png” cannot be read").wait_for()
        page.get_by_label("Weights, row 1, column 1").fill("10")
        assert "add up to 2:" in news(page)
        page.get_by_label("Divide by").fill("0")
        assert "Nothing can be divided by 0" in page.locator("[data-figure]").inner_text()
        assert "add up to 2:" in news(page)
        page.get_by_label("The picture.").press("ArrowRight")
        assert news(page).startswith("Row 40, column 49: (0.3·10 + ")
        page.get_by_role("button", name="Take the map as the picture").tap()
        assert "Filtered 1 time." in news(page)
        page.get_by_role("button", name="The picture as it was").tap()
        assert "between " in news(page)
