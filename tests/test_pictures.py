"""Pictures of digits, as people take them, read by networks of images."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import rendered_digits
from PIL import Image

import companion
from companion.cli import prediction as cli
from companion.datasets import pictures
from companion.datasets.dataset import Dataset
from companion.datasets.source import Source
from companion.datasets.sources import find
from companion.errors import UserError, attempt
from companion.training import seeing

LONG = bool(os.environ.get("COMPANION_LONG"))
SEED = os.environ.get("COMPANION_DRAW") or "0"
MNIST = Path(os.environ.get("TFDS_DATA_DIR", "nowhere")) / "mnist"


def seven(size=160, ink=0.1, paper=0.9):
    """A picture of a seven, values in [0, 1], of shape (size, size)."""
    y, x = np.mgrid[:size, :size] / size
    top = (abs(y - 0.25) < 0.04) & (x > 0.3) & (x < 0.7)
    leg = (abs(x - 0.7 + 0.5 * (y - 0.25)) < 0.04) & (y > 0.25) & (y < 0.8)
    return np.where(top | leg, ink, paper)


def image(values):
    """An opened picture of values in [0, 1]."""
    return Image.fromarray((255 * values).round().astype("uint8"))


SEVEN = pictures.mnist_digit(image(seven()))


# ---- files --------------------------------------------------------------------------------------


def saved(folder, made, name, **options):
    """A picture in a file."""
    made.save(folder / name, **options)
    return folder / name


def clear(ink):
    """A seven of ink on nothing."""
    alpha = (seven(ink=1.0, paper=0.0) * 255).astype("uint8")
    return Image.merge("LA", [Image.new("L", alpha.shape, ink), Image.fromarray(alpha)])


def turned():
    """A seven that lies on its side, and whose camera says so."""
    found = Image.Exif()
    found[0x0112] = 6  # a viewer turns it by 90° clockwise
    return {"exif": found}


@pytest.mark.parametrize(
    ("made", "name", "options"),
    [
        (image(seven()), "a.png", {}),
        (image(seven()).convert("RGB"), "a.jpg", {}),
        (image(seven()).convert("CMYK"), "b.jpg", {}),
        (image(seven()).convert("P"), "a.gif", {}),
        (image(seven()).convert("1"), "a.bmp", {}),
        (Image.fromarray((65535 * seven()).astype("uint16")), "b.png", {}),
        (Image.fromarray(seven().astype("float32")), "a.tif", {}),
        (clear(0), "c.png", {}),
        (clear(255), "d.png", {}),
        (image(seven()).transpose(Image.Transpose.ROTATE_90), "c.jpg", turned()),
    ],
    ids=[
        "grey",
        "RGB",
        "CMYK",
        "palette",
        "bits",
        "uint16",
        "float",
        "black-on-nothing",
        "white-on-nothing",
        "turned",
    ],
)
def test_a_digit_is_the_same_from_every_kind_of_picture(tmp_path, made, name, options):
    result = pictures.opened(saved(tmp_path, made, name, **options))
    assert result.mode in ("L", "RGB")
    assert np.abs(pictures.mnist_digit(result) - SEVEN).mean() < 0.01


def test_what_is_no_picture_is_said(tmp_path):
    (tmp_path / "x.png").write_text("hello")
    whole = saved(tmp_path, image(seven()), "y.png").read_bytes()
    (tmp_path / "y.png").write_bytes(whole[: len(whole) // 2])
    for name, said in (
        ("x.png", "no picture that Pillow can read"), ("y.png", "not all of it"),
        ("z.png", "no such file"), (".", "a folder"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=said):
            pictures.opened(tmp_path / name)


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    with pytest.raises(UserError, match="too large"):
        pictures.opened(saved(tmp_path, image(seven()), "x.png"))


# ---- digits -------------------------------------------------------------------------------------


def light(size):
    """Light that falls off by half from one corner to the other."""
    y, x = np.mgrid[:size, :size] / size
    return 1 - 0.25 * (x + y)


@pytest.mark.parametrize(
    "values",
    [
        seven(ink=0.9, paper=0.1),
        seven() * light(160),
        1 - seven() * light(160),
        np.asarray(image(seven()).resize((64, 64), Image.Resampling.BOX)) / 255,
        seven(1500),
        np.pad(seven(), ((300, 900), (700, 200)), constant_values=0.9),
        np.stack([seven(ink=0.8), seven(ink=0.1), seven(ink=0.2)], axis=-1),
    ],
    ids=["bright", "shadow", "shadow on bright", "small", "large", "far away", "red"],
)
def test_paper_light_size_and_place_do_not_matter(values):
    assert np.abs(pictures.mnist_digit(image(values)) - SEVEN).mean() < 0.015


def test_a_digit_lies_as_in_mnist():
    rows, columns = np.nonzero(SEVEN[..., 0])
    assert SEVEN.shape == (28, 28, 1)
    assert max(np.ptp(rows), np.ptp(columns)) == 19
    for axis in (0, 1):
        along = SEVEN[..., 0].sum(axis=1 - axis)
        assert along @ np.arange(28) / along.sum() == pytest.approx(13.5, abs=0.5)
    assert SEVEN.max() > 0.95


def test_the_pen_does_not_matter():
    size = 900
    y, x = np.mgrid[:size, :size] / size
    for width in (1 / size, 4 / size, 0.02, 0.06):
        ring = np.abs(np.hypot(x - 0.5, 1.5 * (y - 0.5)) - 0.3) < max(width, 0.7 / size)
        result = pictures.mnist_digit(image(np.where(ring, 0.1, 0.9)))
        assert 0.1 < result.mean() < 0.22
        assert result[13:15, 13:15].max() == 0  # open in the middle


def test_a_digit_of_the_embedded_set_is_counted_in_sixteenths():
    result = pictures.uci_digit(image(seven()))
    assert result.shape == (8, 8, 1)
    np.testing.assert_array_equal(result * 16, np.round(result * 16))
    assert result[0].any()
    assert result[-1].any()


@pytest.mark.parametrize("values", [np.full((50, 70), 0.7), light(90)])
def test_a_blank_page_is_refused(values):
    with pytest.raises(UserError, match="Nothing stands out"):
        pictures.mnist_digit(image(values))


def test_two_figures_are_not_taken_for_one():
    with pytest.raises(UserError, match="Several figures stand side by side"):
        pictures.mnist_digit(image(np.hstack([seven(), seven()])))
    flag = seven()
    flag[60:70] = 0.9  # a stroke that is broken in two is still one figure
    assert pictures.mnist_digit(image(flag)).any()


def test_a_thing_fills_the_image_grey_on_black():
    page = np.full((90, 120), 0.95)
    page[30:60, 20:100] = np.linspace(0.2, 0.6, 80)
    result = pictures.cut_out(image(page))
    assert result[13, :, 0].min() > 0.3
    assert not result[:7].any()
    hair = np.full((900, 900), 0.9)
    hair[200:700, 448:452] = hair[448:452, 300:600] = 0.1
    assert pictures.cut_out(image(hair)).any()
    np.testing.assert_allclose(result[14, 1:-1, 0], np.linspace(0.8, 0.4, 28)[1:-1], atol=0.03)


def test_a_photograph_is_cut_to_its_middle_and_keeps_its_colours():
    page = np.zeros((40, 80, 3))
    page[:, 20:60] = (1.0, 0.4, 0.2)
    result = pictures.photograph(image(page), (32, 32, 3))
    np.testing.assert_allclose(
        result[8:-8, 8:-8], np.broadcast_to((1, 0.4, 0.2), (16, 16, 3)), 0.01
    )


# ---- networks -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """LeNet-5, trained for a moment on the embedded digits."""
    folder = tmp_path_factory.mktemp("runs") / "lenet5"
    return companion.train("lenet5", "digits", epochs=3, output=folder, show_progress=False)


def test_a_run_reads_pictures_and_shows_what_it_was_given(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    test = companion.load("digits").test
    right = run.predict(test.x).argmax(axis=1) == test.y
    for k in np.flatnonzero(right)[:6]:
        big = np.asarray(image(test.x[k, ..., 0]).resize((200, 200), Image.Resampling.BICUBIC))
        page = 0.85 - 0.7 * np.pad(big / 255, 40)
        image(page * light(280)).save(f"{test.y[k]}-{k}.png")
    files = sorted(Path().glob("*.png"))
    Path("bad.png").write_bytes(b"no picture")
    answer = cli.predict(str(run.folder), [*files, Path("bad.png")], json=True)
    *rows, bad = answer.data["predictions"]
    assert [row["class"] for row in rows] == [file.name[0] for file in files]
    assert all(sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4) for row in rows)
    assert all(Path(row["drawing"]).stat().st_size > 5000 for row in rows)
    assert "no picture" in bad["error"]
    assert answer.code == 1
    assert capsys.readouterr().out == ""
    told = cli.predict(str(run.folder), [*files, Path("bad.png")], json=False)
    assert told.code == 1
    assert len(capsys.readouterr().out.splitlines()) == len(files) + 1
    with pytest.raises(UserError, match="A picture has no such thing as --rate"):
        cli.predict(str(run.folder), files, rate=300.0, json=False)
    (seen,) = seeing.reader(run.folder)(files[:1])
    assert seen.given.shape == (28, 28, 1)
    assert len(seen.figure().axes) == 3


def test_a_base_without_classes_is_told_from_a_model():
    with pytest.raises(UserError, match="names no classes"):
        cli.predict("digits_0_to_4", [Path("x.png")], json=False)


def kept(folder, **asked):
    """A run's folder, as far as it is looked at before its model."""
    asked = {"model": "mine", "task": "classes", "recipe": {}, **asked}
    (folder / "run.json").write_text(json.dumps({"asked": asked, "seed": 0}))
    return folder


def test_a_run_on_other_data_says_what_it_reads(tmp_path):
    for data, said in (("spoken_digit", "of the kind 'audio'"), ("mine", "no name here")):
        with pytest.raises(UserError, match=said):
            seeing.reader(kept(tmp_path, data=data))


def test_data_of_ones_own_are_resized_scaled_and_spoken_of():
    x = np.random.default_rng(0).integers(0, 256, (40, 10, 12, 1)).astype("float32")
    x[:, 0], x[:, -1] = 0, 255
    mine = Dataset.from_arrays(x, np.arange(40) % 2, name="leaves")
    asked = {"data": "leaves", "examples": seeing.described(mine)}
    source, (remark,) = seeing.as_source(asked, Path())
    assert source.card.shape == (10, 12, 1)
    assert source.card.class_names == ("0", "1")
    assert "leaves are data of yours" in remark
    given = source.picture(image(seven()), (10, 12, 1))
    assert given.max() <= 1
    np.testing.assert_allclose(seeing.scaled(given, asked), 255 * given, rtol=1e-5)
    digits = {"data": "digits", "examples": seeing.described(companion.load("digits"))}
    source, remarks = seeing.as_source(digits, Path())
    assert (source.picture, remarks) == (find("digits").picture, [])
    np.testing.assert_array_equal(seeing.scaled(given, digits), given)


def test_every_data_set_of_images_has_a_way_from_a_picture():
    from companion.datasets.sources import known

    for source in known().values():
        if source.card.kind == "image":
            result = source.picture(image(seven()), source.card.shape)
            assert result.shape == source.card.shape
            assert 0 <= result.min() < result.max() <= 1
            grey = source.card.shape[2] == 1
            assert not grey or result[0, 0] < 0.1  # the ground is dark in all of them
    assert Source.__dataclass_fields__["picture"].default is pictures.photograph


@pytest.mark.slow
@pytest.mark.drawn
@pytest.mark.skipif(not MNIST.exists(), reason="needs mnist under TFDS_DATA_DIR")
def test_lenet_reads_pictures_of_digits_that_nobody_tuned_on(tmp_path):
    """The rules were set on MNIST's training digits; these are test digits.

    Rules for hairlines were changed after 1,500 test digits (drawn with seed 2026) had been
    judged; none of those is among these.
    """
    digits = companion.load("mnist")
    some = Dataset(digits.card, *(getattr(digits, part)[: (10**6 if LONG else 20_000)]
                                  for part in ("train", "validation", "test")))  # fmt: skip
    run = companion.train("lenet5", some, epochs=2, show_progress=False)
    seen_before = np.random.default_rng(2026).choice(10_000, 1500, replace=False)
    fresh = np.setdiff1d(np.arange(10_000), seen_before)
    rng = np.random.default_rng(2027)
    sizes, shares = rendered_digits.SIZES, (0.2, 0.2, 0.25, 0.2, 0.12, 0.03)
    if not LONG:  # to draw one of 3,000 pixels takes seconds
        sizes, shares = sizes[:-1], (0.2, 0.2, 0.25, 0.2, 0.15)
    result, labels, kinds = [], [], []
    for k in rng.choice(fresh, 1500 if LONG else 80, replace=False):
        kind = {
            "stroke": int(rng.integers(1, 5)),
            "size": int(rng.choice(sizes, p=shares)),
            "polarity": str(rng.choice(["dark", "light"])),
            "colour": str(rng.choice(["grey", "colour"])),
            "hair": bool(rng.random() < 0.3),
        }
        packed = str(rng.choice(["JPEG", "PNG"]))
        drawn = rendered_digits.drawn(digits.test.x[k, ..., 0], rng, **kind)
        (tmp_path / "x").write_bytes(rendered_digits.encoded(drawn, rng, packed))
        seen = attempt(pictures.mnist_digit, pictures.opened(tmp_path / "x"))
        result.append(np.full((28, 28, 1), -1.0) if isinstance(seen, UserError) else seen)
        labels.append(digits.test.y[k])
        kinds.append({**kind, "file": packed})
    read = np.min(result, axis=(1, 2, 3)) >= 0
    right = read & (run.predict(np.stack(result)).argmax(axis=1) == np.array(labels))
    assert right.mean() >= (0.95 if LONG else 0.9), right.mean()
    for name in kinds[0]:
        for value in {kind[name] for kind in kinds}:
            those = np.array([kind[name] == value for kind in kinds])
            share = right[those].mean()
            assert those.sum() < (20 if LONG else 15) or share >= (0.9 if LONG else 0.8), (
                name,
                value,
                share,
            )


# ---- damage -------------------------------------------------------------------------------------


def test_damaged_pictures_are_read_or_refused(tmp_path):
    rng = np.random.default_rng([ord(letter) for letter in SEED])
    kinds = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        file = io.BytesIO()
        image(seven(90)).save(file, kind)
        kinds.append(file.getvalue())
    refused = 0
    for k in range(500 if LONG else 30):
        raw = bytearray(kinds[k % len(kinds)])
        for _ in range(rng.integers(1, 5)):
            start = int(rng.integers(len(raw) if rng.random() < 0.5 else min(len(raw), 80)))
            stop = start + int(rng.integers(1, 60))
            if rng.random() < 0.2:
                del raw[max(start, 20) :]
            elif rng.random() < 0.5:
                raw[start:stop] = rng.bytes(len(raw[start:stop]))
            else:
                del raw[start : stop if len(raw) > 100 else start]
        (tmp_path / "x").write_bytes(bytes(raw))
        try:
            result = pictures.mnist_digit(pictures.opened(tmp_path / "x"))
        except UserError:
            refused += 1
        else:
            assert result.shape == (28, 28, 1)
            assert np.isfinite(result).all()
    assert refused > 0
