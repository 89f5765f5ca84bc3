"""How recordings lie in files: WFDB records, MATLAB, NumPy, and tables as people export them.

What a file says of its rate and its unit is taken from it; what it does not say stays None.
"""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chapters.ecg.contents import KINDS, Contents, Lead, stated
from chapters.ecg.tables import text
from companion.errors import UserError

DENSEST = 50  # samples in a byte: more no compression of WFDB reaches
MISSING = -32768  # how 16 bits say that there is no sample


def read(path: Path) -> Contents:
    """Return what lies in a recording file.

    Args:
        path: A file, or the name of a WFDB record without an ending.

    Raises:
        UserError: If it is no recording, or not all of one.
    """
    ending = path.suffix.lower()
    if ending == ".hea" or (ending == ".dat" and header_of(path)):
        return wfdb_record(path.with_suffix(""))
    if not path.exists() and header_of(path.with_name(path.name + ".x")):
        return wfdb_record(path)
    if not path.is_file():
        raise UserError("There is no such file." if not path.exists() else "That is a folder.")
    kinds = {".mat": matlab, ".npy": array, ".edf": edf}
    try:
        return kinds.get(ending, text)(path)
    except UserError as error:
        if ending == ".dat":
            name = path.with_suffix(".hea").name
            raise UserError(
                f"Put its header, {name}, beside it: a .dat does not describe itself."
            ) from error
        raise


def header_of(path: Path) -> Path | None:
    """Return the WFDB header that lies beside a file, or None."""
    header = path.with_suffix(".hea")
    return header if header.is_file() else None


def wfdb(function: str, *arguments: Any, **options: Any) -> Any:
    """Call a function of the package `wfdb`; whatever goes wrong there is a `UserError`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas deprecates what wfdb uses
        import wfdb
        from wfdb.io.convert.edf import read_edf

        functions = {"read_edf": read_edf, "rdrecord": wfdb.rdrecord, "rdheader": wfdb.rdheader}
        try:
            return functions[function](*arguments, **options)
        except FileNotFoundError as error:
            raise UserError(f"The record has a file that is not here: {error.filename}.") from error
        except Exception as error:  # it has many words for a damaged file
            raise UserError(
                f"`wfdb` cannot read it ({error or type(error).__name__}). Are its header and its "
                "samples whole, and in one folder?"
            ) from error


def wfdb_record(name: Path) -> Contents:
    """Return a WFDB record: samples in the header's units, missing ones as NaN.

    Args:
        name: The record's path without an ending.
    """
    header = wfdb("rdheader", str(name))
    files = [name.with_name(file) for file in set(getattr(header, "file_name", None) or [])]
    size = sum(file.stat().st_size for file in files if file.is_file())
    if all(file.is_file() for file in files) and (header.sig_len or 0) > DENSEST * (size + 1):
        raise UserError(
            f"{name.name}.hea speaks of {header.sig_len:,} samples, and there are {size:,} bytes."
        )
    # Each lead at its own rate: by default `wfdb` averages those that are sampled more often.
    record = wfdb("rdrecord", str(name), smooth_frames=False)
    return Contents(record_leads(record, record.e_p_signal or []))


def record_leads(found: Any, signals: Any) -> list[Lead]:
    """Return the leads of a record of `wfdb`."""
    return [
        Lead(
            found.sig_name[k] or str(k + 1),
            np.asarray(samples, "float64"),
            float(found.fs) * found.samps_per_frame[k],
            stated(found.units[k]),
        )
        for k, samples in enumerate(signals)
    ]


def edf(path: Path) -> Contents:
    """Return the signals of an EDF file, as `wfdb` reads them."""
    record = wfdb("read_edf", str(path))
    if len(set(record.samps_per_frame)) > 1:  # wfdb 4.3 averages these wrongly
        raise UserError(
            "Its signals have several rates, which `wfdb` reads wrongly. Export the ECG alone."
        )
    return Contents(record_leads(record, record.p_signal.T))


def read_mat(contents: bytes) -> NDArray[Any]:
    """Return the matrix ``val`` of a MATLAB file: PhysioNet ships int16, a row for each lead.

    Raises:
        UserError: If this is no such file, or its end is missing.
    """
    from scipy.io import loadmat  # listing the studies loads no SciPy

    try:
        matrices = loadmat(io.BytesIO(contents))
    except Exception as error:  # SciPy has many words for it
        raise UserError(
            f"This is no MATLAB file with a matrix `val`, or not all of it: {error}"
        ) from error
    rows = matrices.get("val")
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.dtype.kind not in "biuf":
        names = ", ".join(name for name in matrices if not name.startswith("__")) or "nothing"
        raise UserError(
            f"A MATLAB file has the samples in a matrix `val`, a row for each lead. Found: {names}."
        )
    return rows


def matlab(path: Path) -> Contents:
    """Return the leads of a MATLAB file, in the units of the WFDB header beside it.

    Without a header whole numbers are taken for the challenge's of 2017, 1000 a mV.
    """
    rows = read_mat(path.read_bytes())
    values = np.where(rows == MISSING, np.nan, rows.astype("float64"))
    header = header_of(path)
    if header is None:
        if len(rows) > 1:
            raise UserError(
                f"It has {len(rows)} rows and no header. Put its .hea file beside it, which names "
                "the leads, their rate and gain."
            )
        is_integer = rows.dtype.kind in "iu"
        lead = Lead("1", values[0] / 1000, unit="mV") if is_integer else Lead("1", values[0])
        return Contents([lead], numbers_only=True)
    record = wfdb("rdheader", str(header.with_suffix("")))
    if record.n_sig != len(rows):
        raise UserError(
            f"{header.name} describes {record.n_sig} leads, and the file has {len(rows)}."
        )
    rate = float(record.fs)
    if not record.adc_gain:  # a header without a line for each signal
        if len(rows) > 1:
            raise UserError(f"{header.name} has no line for each lead: name, gain and unit.")
        return Contents([Lead("1", values[0] / 1000, rate, "mV")])
    return Contents(
        [
            Lead(
                record.sig_name[k] or str(k + 1),
                (row - record.baseline[k]) / record.adc_gain[k],
                rate,
                stated(record.units[k]),
            )
            for k, row in enumerate(values)
        ]
    )


def array(path: Path) -> Contents:
    """Return the signals of a ``.npy`` file, whose longer axis is time."""
    try:
        values = np.load(path, allow_pickle=False)
        if values.dtype.kind not in "biuf":
            raise ValueError(f"its numbers are of type {values.dtype}")
    except Exception as error:
        raise UserError(f"This is no array of numbers: {error}. {KINDS}") from error
    values = np.squeeze(values)
    if values.ndim not in (1, 2):
        raise UserError(f"One lead is expected, of shape (samples,). Received: {values.shape}.")
    wide = values.ndim == 2 and values.shape[0] <= values.shape[1]
    rows = values[None] if values.ndim == 1 else values if wide else values.T
    leads = [Lead(str(k + 1), row.astype("float64")) for k, row in enumerate(rows)]
    return Contents(leads, numbers_only=len(leads) == 1)
