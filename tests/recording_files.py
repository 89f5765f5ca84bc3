"""Made-up recordings, and files of every kind to read them from."""

import io

import numpy as np
import scipy.io

from chapters.ecg import recordings, synthetic


def recording(rhythm=0, seconds=20, seed=0):
    """A made-up recording."""
    return synthetic.electrocardiogram(rhythm, seconds, np.random.default_rng(seed))


def beating(seconds=12, rate=300, rhythm=0, seed=0):
    """A made-up recording in mV at a rate of its own."""
    x = synthetic.electrocardiogram(rhythm, seconds, np.random.default_rng(seed))
    times = np.arange(seconds * rate) / rate
    return np.interp(times, np.arange(len(x)) / recordings.RATE, x)


def rows(times, *columns, separator=";", decimal=",", digits=3):
    """Lines of a table."""
    cells = np.stack([times, *columns], axis=1)
    lines = [separator.join(f"{cell:.{digits}f}" for cell in row) for row in cells]
    return "\n".join(lines).replace(".", decimal) + "\n"


APPLE = (
    "Name,Ada\nDate of Birth,10.12.1815\nRecorded Date,2024-01-01 10:00:00 +0100\n"
    'Classification,Sinus Rhythm\nSymptoms,\nSoftware Version,1.90\nDevice,"Watch6,1"\n'
    "Sample Rate,512 hertz\n\n\nLead,Lead I\nUnit,µV\n\n"
)


def written(folder, name, values):
    """A recording file."""
    path = folder / name
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".csv":
        path.write_text("mV\n" + "\n".join(f"{value:.5f}" for value in values))
    else:
        scipy.io.savemat(path, {"val": (values * 1000).astype("int16")[None]}, format="4")
    return path


def record(folder, header, **files):
    """Write a record named r; return its header's path."""
    (folder / "r.hea").write_text(header)
    for ending, contents in files.items():
        (folder / f"r.{ending}").write_bytes(contents)
    return folder / "r.hea"


def matrix(values):
    """Bytes of a MATLAB file as PhysioNet ships it."""
    file = io.BytesIO()
    scipy.io.savemat(file, {"val": np.asarray(values, "int16")}, format="4")
    return file.getvalue()


def packed(values):
    """Samples in format 212: two of twelve bits in three bytes."""
    first, second = values[::2] & 0xFFF, values[1::2] & 0xFFF
    parts = [first & 255, (first >> 8) | ((second >> 8) << 4), second & 255]
    return np.stack(parts, axis=1).astype("uint8").tobytes()


ADC = np.round(beating(12, 360) * 200 + 1024).astype(int)


def european(signals, rate=200):
    """Bytes of an EDF file of seconds, in µV, from −3276.8 to 3276.7."""
    count, seconds = len(signals), len(signals[0]) // rate

    def field(size, *values):
        return "".join(f"{value:<{size}}" for value in values)

    head = field(8, 0) + field(80, "X", "X") + field(8, "01.01.24", "10.00.00")
    head += field(8, 256 * (count + 1)) + field(44, "") + field(8, seconds, 1) + field(4, count)
    head += field(16, *[f"ECG {k}" for k in range(count)]) + field(80, *[""] * count)
    head += field(8, *["uV"] * count) + field(8, *[-3276.8] * count) + field(8, *[3276.7] * count)
    head += field(8, *[-32768] * count) + field(8, *[32767] * count) + field(80, *[""] * count)
    head += field(8, *[rate] * count) + field(32, *[""] * count)
    blocks = np.stack([np.reshape(one, (seconds, rate)) for one in signals], axis=1)
    return head.encode("ascii") + np.round(blocks * 10_000).astype("<i2").tobytes()
