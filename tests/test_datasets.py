"""Named data: splits, provenance, and what is said when something is wrong with them."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits

import companion
from chapters.memory.studies import SPEAKERS
from companion.datasets import (
    Card,
    Dataset,
    Generated,
    Split,
    dataset,
    find,
    known,
    prepared,
    sources,
)
from companion.errors import UserError

PREPARED = Path(os.environ.get("TFDS_DATA_DIR", "nowhere"))
needs_mnist = pytest.mark.skipif(
    not (PREPARED / "mnist").exists(), reason="needs MNIST under TFDS_DATA_DIR"
)
needs_speech = pytest.mark.skipif(
    not (PREPARED / "spoken_digit").exists(), reason="needs spoken_digit under TFDS_DATA_DIR"
)


@pytest.fixture(scope="module")
def digits():
    return companion.load("digits")


def rows(split):
    return {example.tobytes() for example in split.x}


def test_digits_are_the_1797_of_scikit_learn_each_in_one_split(digits):
    parts = (digits.train, digits.validation, digits.test)
    assert sum(map(len, parts)) == 1797
    everything = {image.tobytes() for image in (load_digits().images[..., None] / 16).astype("f4")}
    assert set().union(*map(rows, parts)) == everything
    assert sum(len(rows(part)) for part in parts) == len(everything)


def test_digits_lie_in_0_to_1_with_a_channel(digits):
    assert digits.train.x.shape[1:] == digits.shape == (8, 8, 1)
    assert digits.train.x.dtype == np.float32
    assert (digits.train.x.min(), digits.train.x.max()) == (0, 1)
    assert digits.classes == 10


def test_splits_are_stratified(digits):
    whole = np.bincount(load_digits().target) / 1797
    for part in (digits.train, digits.validation, digits.test):
        np.testing.assert_allclose(np.bincount(part.y) / len(part), whole, atol=0.006)


def test_the_seed_decides_the_splits():
    first, again, other = (companion.load("digits", seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.train.x, again.train.x)
    assert rows(first.test) != rows(other.test)


def test_every_card_names_licence_and_source():
    for source in known().values():
        card = source.card
        assert card.licence
        assert card.source
        assert len(set(card.class_names)) == len(card.class_names) != 1


@needs_mnist
@pytest.mark.slow
def test_mnist_comes_through_tfds_with_the_publishers_test_split():
    mnist = companion.load("mnist")
    assert [len(part) for part in (mnist.train, mnist.validation, mnist.test)] == [
        54000,
        6000,
        10000,
    ]
    assert mnist.train.x.shape[1:] == (28, 28, 1)
    assert mnist.test.y[:5].tolist() != [0] * 5
    np.testing.assert_allclose(mnist.test.x.mean(), 0.1325, atol=1e-3)  # the published mean


@needs_speech
@pytest.mark.slow
def test_spoken_digits_keep_takes_0_to_4_for_test():
    spoken = companion.load("spoken_digit")
    assert len(spoken.test) == 10 * 6 * 5  # digits × speakers × takes
    assert np.bincount(spoken.test.y).tolist() == [30] * 10
    assert {name.split("_")[1] for name in spoken.test.names} == {*SPEAKERS}
    assert np.abs(spoken.test.x[0]).max() <= 1


def test_a_data_set_that_is_not_there_is_told_while_its_host_still_keeps_silent(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)

    ended, joined = threading.Event(), []

    def silent(*_, **__):
        ended.wait()
        raise OSError

    class Thread(threading.Thread):
        def join(self, timeout=None):
            joined.append(timeout)
            super().join(timeout)

    monkeypatch.setattr(prepared.socket, "create_connection", silent)
    monkeypatch.setattr(prepared.threading, "Thread", Thread)
    with pytest.raises(UserError) as caught:
        find("mnist").ensure()
    ended.set()
    assert joined == [3.0]
    for said in (str(tmp_path), "companion data get mnist", "TFDS_DATA_DIR"):
        assert said in str(caught.value)


@needs_mnist
@pytest.mark.slow
@pytest.mark.parametrize("damage", ["truncated records", "no records", "bad metadata"])
def test_a_damaged_cache_is_named_and_left_alone(tmp_path, monkeypatch, damage):
    folder = tmp_path / "mnist" / "3.0.1"
    shutil.copytree(PREPARED / "mnist" / "3.0.1", folder, copy_function=shutil.copyfile)
    records = folder / "mnist-train.tfrecord-00000-of-00001"
    match damage:
        case "truncated records":
            records.write_bytes(records.read_bytes()[:5000])
        case "no records":
            records.unlink()
        case "bad metadata":
            (folder / "dataset_info.json").write_text('{"name": ')
    before = {path: path.stat().st_size for path in folder.iterdir()}
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(UserError, match=r"mnist in .* cannot be read.*Nothing was changed"):
        companion.load("mnist")
    assert {path: path.stat().st_size for path in folder.iterdir()} == before


def test_the_newest_version_that_was_prepared_to_its_end_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert not find("mnist").is_here()
    for version in ("3.0.9", "3.0.10", "3.0.11", "incomplete.F9A2_3.0.12"):
        (tmp_path / "mnist" / version).mkdir(parents=True)
        if version != "3.0.11":
            (tmp_path / "mnist" / version / "dataset_info.json").touch()
    assert find("mnist").locate() == tmp_path / "mnist" / "3.0.10"
    (tmp_path / "imdb_reviews" / "plain_text" / "1.0.0").mkdir(parents=True)
    (tmp_path / "imdb_reviews" / "plain_text" / "1.0.0" / "dataset_info.json").touch()
    assert find("imdb_reviews").is_here()


def test_a_configuration_of_another_name_or_an_unfinished_one_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    for folder in ("subwords8k/1.0.0", "plain_text/1.0.0.incompleteA8B", "1.0.0"):
        (tmp_path / "imdb_reviews" / folder).mkdir(parents=True)
        (tmp_path / "imdb_reviews" / folder / "dataset_info.json").touch()
    assert find("imdb_reviews").locate() is None
    for version in ("1.0.9", "1.0.10"):
        (tmp_path / "imdb_reviews" / "plain_text" / version).mkdir()
        (tmp_path / "imdb_reviews" / "plain_text" / version / "dataset_info.json").touch()
    assert find("imdb_reviews").locate().parts[-2:] == ("plain_text", "1.0.10")


def test_half_of_what_is_fetched_by_hand_is_named_before_any_network_is_asked(
    tmp_path, monkeypatch
):
    def asked(*_, **__):
        raise AssertionError("a network was asked")

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COMPANION_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(prepared.socket, "create_connection", asked)
    for name, one, other in (
        ("cinc2017", "training2017.zip", "REFERENCE-v3.csv"),
        ("cinc2017", "REFERENCE-v3.csv", "training2017.zip"),
        ("sentiment_sentences", "imdb_labelled.txt", "yelp_labelled.txt"),
    ):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        (tmp_path / name).mkdir()
        (tmp_path / name / one).touch()
        with pytest.raises(UserError) as caught:
            find(name).ensure()
        assert other in str(caught.value)
        assert one not in str(caught.value)


def test_a_proxy_that_does_not_answer_is_no_network(tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    asked = []

    def refused(address, timeout):
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(prepared.socket, "create_connection", refused)
    for proxy in ("http://proxy.example:3128", "proxy.example:3128", "http://u:p@proxy.example"):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        assert not prepared.reachable("data.example")
    monkeypatch.setenv("NO_PROXY", "data.example")
    assert not prepared.reachable("data.example")
    proxy, direct = ("proxy.example", 3128), ("data.example", 443)
    assert asked == [proxy, proxy, ("proxy.example", 80), direct]
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(UserError, match="cannot be reached"):
        find("mnist").ensure()


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("sentiment_sentences", "sentence_classifier"),
        ("seasonal_series", "forecaster"),
    ],
)
def test_data_that_a_model_cannot_read_name_a_model_that_can(name, made):
    read = find(name)
    data = Dataset(read.card, *[Split(np.zeros((1, 3)), np.zeros(1))] * 3, fit=lambda *_: None)
    with pytest.raises(UserError, match=rf"Made for {name}: .*{made}"):
        data.fitted_to((8, 8))
    other = Dataset.from_arrays(np.zeros((20, 3)), np.arange(20.0))
    with pytest.raises(UserError, match=r"input_shape=\(3,\) builds one"):
        other.fitted_to((8, 8))


def test_a_source_of_three_splits_keeps_them_and_one_is_split_by_the_seed():
    card = Card("made_here", "numbers", "array", (1,), (), "CC0", "these tests")
    whole = Split(np.arange(40.0)[:, None], np.arange(40.0))
    in_order = Generated(card, lambda seed: (whole[:20], whole[20:30], whole[30:])).load()
    assert [part.y[0] for part in (in_order.train, in_order.validation, in_order.test)] == [
        0,
        20,
        30,
    ]
    shuffled = Generated(card, lambda seed: (whole,)).load(seed=1)
    assert (len(shuffled.train), len(shuffled.validation), len(shuffled.test)) == (28, 4, 8)
    assert not np.array_equal(shuffled.test.y, whole.y[32:])


def test_a_chapters_data_may_not_take_a_name_that_is_taken(monkeypatch):
    taken = Generated(find("tones").card, lambda seed: ())
    chapter = SimpleNamespace(card=SimpleNamespace(data="sources"), module=lambda part: taken_by)
    taken_by = SimpleNamespace(tones=taken)
    monkeypatch.setattr(sources.catalogue, "discover", lambda: [chapter])
    with pytest.raises(UserError, match="Two data sets are named 'tones'"):
        known()


def test_listing_what_there_is_loads_no_tensorflow():
    code = "import sys; from companion.datasets import known; known(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "chapters.ecg.sources" in loaded
    assert not loaded & {"tensorflow", "tensorflow_datasets", "keras", "sklearn", "scipy.signal"}


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UserError, match=r"no data set named 'minst'. Did you mean 'mnist'"):
        find("minst")


def examples(count=60, classes=3):
    rng = np.random.default_rng(0)
    return rng.random((count, 6, 6, 1)), np.arange(count) % classes


def with_value(value):
    x, y = examples()
    x[7, 2, 3, 0] = value
    return x, y


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (with_value(np.nan), r"Received: nan in example 7, at \(2, 3, 0\)"),
        (with_value(np.inf), "Received: inf in example 7"),
        ((examples()[0], examples()[1] - 1), "Labels are integers from 0. Received: -1"),
        ((examples()[0], examples()[1] * 2), "none of class 1"),
        (
            (examples()[0], np.where(examples()[1] > 0, 1.0, np.nan)),
            "Targets hold finite numbers. Received: nan in target 0",
        ),
        ((examples()[0], examples()[1].astype(complex)), "Received: dtype complex128"),
        ((examples()[0][:-1], examples()[1]), "59 examples and targets of shape"),
        ((examples()[0], np.eye(3)[examples()[1]]), r"one-hot rows of shape \(60, 3\)"),
        ((examples()[0], np.eye(3, dtype=int)[examples()[1]]), r"one-hot rows"),
        ((np.zeros((0, 6, 6, 1)), np.zeros(0, int)), "Expected examples. Received: none"),
    ],
)
def test_bad_arrays_are_told_in_the_readers_terms(arrays, message):
    with pytest.raises(UserError, match=message):
        Dataset.from_arrays(*arrays)


@pytest.mark.parametrize("columns", [(), (3,)])
def test_numbers_to_predict_are_split_and_keep_their_examples(columns):
    x = np.arange(60.0)[:, None]
    y = np.broadcast_to(2 * x if columns else 2 * x[:, 0], (60, *columns))
    yours = Dataset.from_arrays(x, y)
    assert yours.classes == 0
    assert yours.train.y.dtype == np.float32
    for part in (yours.train, yours.validation, yours.test):
        assert part.y.shape == (len(part), *columns)
        np.testing.assert_array_equal(part.y.reshape(len(part), -1)[:, :1], 2 * part.x)


def test_classes_at_every_step_are_split_with_the_mask_of_their_steps():
    x = np.random.default_rng(0).random((60, 4, 2))
    y = (x[..., 0] > 0.5).astype(int)
    mask = np.arange(4) < np.arange(60)[:, None] % 4 + 1
    yours = Dataset.from_arrays(x, np.where(mask, y, -1), mask=mask)
    assert yours.classes == 2
    for part in (yours.train, yours.validation, yours.test):
        assert part.y.shape == part.mask.shape == (len(part), 4)
        np.testing.assert_array_equal(part.y, part.mask & (part.x[..., 0] > 0.5))
    with pytest.raises(UserError, match=r"Received: \(60, 3\)"):
        Dataset.from_arrays(x, y, mask=mask[:, :3])


def test_a_split_keeps_what_belongs_to_its_examples():
    split = Split(np.arange(4), np.arange(4) * 2, tuple("abcd"), np.eye(4, dtype=bool))
    some = split[[3, 1]]
    assert (some.x.tolist(), some.y.tolist(), some.names) == ([3, 1], [6, 2], ("d", "b"))
    assert some.mask.argmax(1).tolist() == [3, 1]
    assert len(split[split.y > 2]) == len(split[:2]) == 2


def test_your_own_arrays_are_split_too():
    yours = Dataset.from_arrays(*examples(), name="mine")
    assert yours.classes == 3
    assert sum(map(len, (yours.train, yours.validation, yours.test))) == 60
    assert len(rows(yours.train) | rows(yours.test)) == len(yours.train) + len(yours.test)


def test_examples_are_fitted_to_what_a_model_reads(digits):
    assert digits.fitted_to((8, 8, 1)) is digits
    assert digits.fitted_to((None, None, 1)) is digits
    assert digits.fitted_to((8, 8)).train.x.shape == (1293, 8, 8)
    assert digits.fitted_to((64,)).test.x.shape == (360, 64)
    assert digits.fitted_to((28, 28, 3)).shape == (28, 28, 3)
    with pytest.raises(UserError, match=r"The model reads examples of shape \(10, 5\)"):
        digits.fitted_to((10, 5))


def test_resizing_keeps_flat_regions_means_and_range():
    images = np.random.default_rng(0).random((3, 8, 8, 1)).astype("float32")
    flat = np.full((1, 8, 8, 1), 0.25, "float32")
    resized = dataset.resize(images, (28, 28, 3))
    assert resized.shape == (3, 28, 28, 3)
    assert resized.min() >= images.min() - 1e-6
    assert resized.max() <= images.max() + 1e-6
    np.testing.assert_array_equal(resized[..., 0], resized[..., 2])
    np.testing.assert_allclose(dataset.resize(flat, (28, 28, 1)), 0.25, atol=1e-6)
    np.testing.assert_allclose(resized[..., :1].mean((1, 2)), images.mean((1, 2)), atol=0.02)
