"""Recordings as tables of every habit: read as they were meant, or refused with the line."""

import numpy as np
import pytest
from recording_files import APPLE, rows

from chapters.ecg import formats
from companion.errors import UserError


def leads(folder, contents, name="x.csv"):
    """What is read from a file of these words or bytes: name, first samples, rate and unit."""
    file = folder / name
    file.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return [
        (one.name, one.samples[:3].tolist(), one.rate, one.unit) for one in formats.read(file).leads
    ]


TIMES = np.arange(40) / 250
WAVE = np.round(np.sin(np.arange(40)), 3) - 0.127


MICROVOLTS = "\n".join(f"{1000 * value:.3f}" for value in WAVE)


def test_decimal_commas_keep_their_sign_and_point(tmp_path):
    result = leads(tmp_path, "Zeit;EKG\n0,000;-0,127\n0,003;0,519\n")
    assert result == [("EKG", [-0.127, 0.519], pytest.approx(1 / 0.003), None)]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ("Zeit\tEKG\n" + rows(TIMES, WAVE, separator="\t"), ("EKG", 250, None)),
        (("Zeit\tEKG\r\n" + rows(TIMES, WAVE, separator="\t")).encode("utf-16"),
         ("EKG", 250, None)),
        (("t;EKG\n" + rows(TIMES, WAVE)).encode("utf-16-be"), ("EKG", 250, None)),
        ("Zeit;EKG (µV)\n".encode("cp1252") + rows(TIMES, WAVE).encode(), ("EKG (µV)", 250, "µV")),
        (rows(TIMES, WAVE, separator=" "), ("2", 250, None)),
        (rows(TIMES, WAVE, separator="  ", decimal="."), ("2", 250, None)),
        ("sep=;\nt [ms];ecg_uV\n" + rows(1000 * TIMES, WAVE), ("ecg_uV", 250, "uV")),
        ("time,ecg,\n" + rows(TIMES, WAVE, separator=",", decimal=".").replace("\n", ",\n"),
         ("ecg", 250, None)),
        ("t,ecg\n" + "".join(f'"{row}"\n' for row in rows(TIMES, WAVE, separator='","').split("\n")
                            if row), ("ecg", 250, None)),
        ("time,ecg,beat\n" + rows(TIMES, WAVE, separator=",", decimal=".").replace("\n", ",N\n"),
         ("ecg", 250, None)),
        ("timestamp,ecg\n" + rows(1.7e12 + 1000 * TIMES, WAVE, separator=",", decimal="."),
         ("ecg", 250, None)),
        ("# fs = 250 Hz\n# unit: mV\n" + "\n".join(map(str, WAVE)), ("1", 250, "mV")),
        (APPLE + MICROVOLTS, ("1", 512, "µV")),
        (APPLE.replace("Sample Rate", "Messrate").replace("Unit", "Einheit")
         + MICROVOLTS.replace(".", ","), ("1", 512, "µV")),
        ("Heart Rate,62 BPM\nLow pass filter,100 Hz\nSampling frequency: 250\n"
         + "\n".join(map(str, WAVE)), ("1", 250, None)),
        ("ecg\n" + "\n".join(map(str, WAVE)).replace("-", "\u2212"), ("ecg", None, None)),
        ("Zeit (s);ECG (raw)\n" + rows(TIMES, WAVE), ("ECG (raw)", 250, None)),
    ],
)  # fmt: skip
def test_a_table_is_read_as_its_writer_meant_it(tmp_path, contents, expected):
    ((name, samples, rate, unit),) = leads(tmp_path, contents)
    assert (name, rate, unit) == (expected[0], expected[1], expected[2])
    scale = 1000 if name == "1" and unit == "µV" else 1
    np.testing.assert_allclose(samples, scale * WAVE[:3], atol=1e-9)


def test_physiobanks_two_head_lines_name_leads_and_units(tmp_path):
    body = "".join(f"'0:{k / 360:06.3f}',{-0.145 + k / 1000:.3f},-0.065\n" for k in range(800))
    head = "'Elapsed time','MLII','V5'\n'hh:mm:ss.mmm','mV','mV'\n"
    result = leads(tmp_path, head + body)
    assert result[0] == ("MLII", [-0.145, -0.144, -0.143], 360, "mV")
    assert result[1] == ("V5", [-0.065] * 3, 360, "mV")


def test_times_go_on_after_midnight_and_gaps_in_them_are_gaps(tmp_path):
    clocks = [(86_399 + k / 250) % 86_400 for k in range(500)]
    lines = [
        f"{t // 3600:02.0f}:{t % 3600 // 60:02.0f}:{t % 60:06.3f},{k}.5"
        for k, t in enumerate(clocks)
        if not 100 <= k < 110
    ]
    (tmp_path / "x.csv").write_text("time,ecg\n" + "\n".join(lines))
    (lead,) = formats.read(tmp_path / "x.csv").leads
    assert (lead.rate, len(lead.samples)) == (250, 500)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(lead.samples)), np.arange(100, 110))


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("1,127\n2,519\n", "comma may stand before decimals or between columns"),
        ("Zeit,EKG\n0,000,-0,127\n0,003,0,519\n", "line 2 is '0,000,-0,127'"),
        ("t;ecg\n" + rows(TIMES, WAVE) + "0,160;12a\n", "Line 42: a number is expected"),
        ("t;ecg\n" + rows(TIMES, WAVE) + "0,160;1;2\n", "Line 42: 2 cells are expected"),
        ("1.0\n2.0\noops\n" + "\n".join(map(str, WAVE)), "Line 3: a row like line 1"),
        ("hello\nworld\n", "No rows of numbers"),
        ("", "not one sample"),
        (b"PK\x03\x04" + bytes(range(256)), "neither a text"),
    ],
)
def test_a_table_that_could_be_misread_is_refused_with_the_line(tmp_path, contents, message):
    with pytest.raises(UserError, match=message):
        leads(tmp_path, contents)


def test_a_comma_separates_where_the_head_names_as_many_columns(tmp_path):
    body = "1,127\n2,519\n3,519\n"
    assert leads(tmp_path, "EKG\n" + body)[0][:2] == ("EKG", [1.127, 2.519, 3.519])
    assert leads(tmp_path, "n,EKG\n" + body)[0][:2] == ("EKG", [127, 519, 519])
