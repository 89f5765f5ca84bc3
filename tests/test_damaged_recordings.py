"""Damaged recordings of every kind are answered or refused, and whole ones are read."""

import io
import os

import numpy as np
import pytest
from recording_files import APPLE, beating, european, matrix, packed, rows

from chapters.ecg import recordings
from companion.errors import UserError

LONG = bool(os.environ.get("COMPANION_LONG"))
SEED = os.environ.get("COMPANION_DRAW") or "0"


def whole():
    """Sound recordings of every kind: the files of each, the first of which is read."""
    x, rng = beating(10), np.random.default_rng(0)
    adc = np.round(x * 200 + 1024).astype(int)
    times = np.arange(len(x)) / 300
    npy = io.BytesIO()
    np.save(npy, x)
    line = "r.{} {} 200(1024)/mV 12 0 0 0 0 MLII\n"
    head = f"# a remark\nr 1 300 {len(x)}\n"
    yield {"r.npy": npy.getvalue()}
    yield {"r.mat": matrix([adc]), "r.hea": (head + line.format("mat", "16+24")).encode()}
    yield {"r.dat": adc.astype("<i2").tobytes(), "r.hea": (head + line.format("dat", 16)).encode()}
    yield {"r.hea": (head + line.format("dat", 212)).encode(), "r.dat": packed(adc)}
    yield {"r.edf": european([beating(10, 200)])}
    yield {"r.csv": ("Zeit;EKG\n" + rows(times, x)).encode()}
    yield {"r.txt": ("Zeit\tEKG\n" + rows(times, x, separator="\t")).encode("utf-16")}
    yield {
        "r.csv": (APPLE.replace("512", "300") + "\n".join(f"{1000 * v:.3f}" for v in x)).encode()
    }
    yield {"r.tsv": rows(times, x, rng.normal(size=len(x)), separator=" ", decimal=".").encode()}


JUNK = (b",", b";", b"\n", b'"', b"#", b"nan", b"1e400", b"-", b"0x1F", b"\t\t", b"9" * 30)


def damaged(contents, rng):
    """Contents after an accident: cut, bitten, scratched, mixed up, or stuffed."""
    raw = bytearray(contents)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.integers(len(raw) + 1) if rng.random() < 0.6 else rng.integers(300))
        start = min(start, len(raw))
        stop = min(len(raw), start + int(rng.integers(1, 2000)))
        accident = rng.integers(7)
        if accident == 0:
            del raw[start:]
        elif accident == 1:
            del raw[start:stop]
        elif accident == 2:
            raw[start:stop] = rng.bytes(stop - start)
        elif accident == 3:
            raw[start:stop] = bytes(stop - start)
        elif accident == 4:
            raw[start:start] = raw[:start][-500:]
        elif accident == 5 and raw:
            for place in rng.integers(len(raw), size=3):
                raw[place] ^= 1 << int(rng.integers(8))
        else:
            raw[start:start] = JUNK[rng.integers(len(JUNK))]
    return bytes(raw)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # wfdb's of a damaged EDF
def test_damaged_recordings_are_answered_or_refused(tmp_path):
    rng = np.random.default_rng([ord(letter) for letter in SEED])
    kinds, answered = list(whole()), 0
    for k in range(2000 if LONG else 36):
        files = dict(kinds[k % len(kinds)])
        broken = str(rng.choice(list(files)))
        files[broken] = damaged(files[broken], rng)
        for name, contents in files.items():
            (tmp_path / name).write_bytes(contents)
        named = tmp_path / next(iter(files))
        try:
            samples, _ = recordings.read_recording(named, 300)
        except UserError:
            pass
        else:
            answered += 1
            assert samples.dtype == "float32"
            assert len(samples) >= recordings.SHORTEST * recordings.RATE
            assert np.isfinite(samples).all()
        for name in files:
            (tmp_path / name).unlink()
    assert answered > 0


def test_the_same_recordings_are_read_while_they_are_whole(tmp_path):
    for files in whole():
        for name, contents in files.items():
            (tmp_path / name).write_bytes(contents)
        lead = "2" if "r.tsv" in files else None
        samples, _ = recordings.read_recording(tmp_path / next(iter(files)), 300, lead=lead)
        assert 0.5 < np.ptp(samples) < 5, list(files)
        for name in files:
            (tmp_path / name).unlink()
