"""A recording of one lead: what is true of every one, and how one is read from a file."""

from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.errors import UserError

RATE = 300  # Hz
LENGTH = 3000  # samples in a window: ten seconds, as Hong et al. (2019) cut them
CLASSES = ("normal", "atrial fibrillation", "other rhythm", "too noisy")
NORMAL, AF, OTHER, NOISY = range(len(CLASSES))
FAINTEST = 0.02  # mV: less than that between the lowest sample and the highest is no heartbeat
LARGEST = 1e12  # what networks square must be a number in float32, in any unit
SHORTEST = 9.0  # s: the shortest recording that the detector was trained on


def read_recording(
    path: str | Path, rate: float | None = None, *, lead: str | None = None, unit: str | None = None
):
    """Return the samples of one lead of a recording file, in mV at 300 Hz.

    Args:
        path: A WFDB record (its ``.hea``, ``.dat`` or name), a MATLAB file as the challenge ships
            them, an ``.edf``, a ``.npy``, or a table as text; `chapters.ecg.formats` reads them.
        rate: Samples per second, where the file does not say. Another rate than 300 is resampled.
        lead: Which lead, where there are several.
        unit: Unit of the samples, where the file does not say: ``"mV"``, ``"µV"`` or ``"V"``.

    Returns:
        ``(samples, remarks)``: float32 of shape ``(n,)``, and what a reader should know.

    Raises:
        UserError: If the file holds no usable recording, or does not say what must be known. A
            file of nothing but numbers is taken for 300 Hz and mV, with a remark.
    """
    from chapters.ecg import formats  # what it needs is loaded for recordings alone

    path = Path(path)
    content = formats.read(path)
    remarks = list(content.remarks)
    selected = chosen(content.leads, lead)
    if selected.rate is not None and rate not in (None, selected.rate):
        remarks.append(f"it says {selected.rate:g} Hz itself, so {rate:g} was not used")
    if selected.rate is None and rate is None and not content.numbers_only:
        raise UserError(
            "It does not say how many samples a second it has. Give --rate, e.g. --rate 300."
        )
    if not selected.may_be_an_ecg:
        raise UserError(f"An ECG is a voltage. Received: {selected.name} in {selected.unit}.")
    known = np.where(np.isfinite(selected.samples), selected.samples, np.nan)
    if np.nanmax(np.abs(known), initial=0) > LARGEST:
        raise UserError("Its values are too large to be a voltage.")
    samples = known * (selected.scale or in_millivolts(unit))
    if selected.unit is not None and unit is not None and selected.scale != in_millivolts(unit):
        remarks.append(f"it says {selected.unit} itself, so {unit} was not used")
    if selected.unit is None and unit is None:
        check_scale(samples)
    stated_rate = rate if selected.rate is None else selected.rate
    samples, more = usable(samples, float(RATE if stated_rate is None else stated_rate))
    if stated_rate is None:
        more.append(f"taken for {RATE} samples a second, as the file does not say (--rate)")
    return samples, remarks + more


def chosen(leads: Any, name: str | None = None):
    """Return the lead of that name or place, or the only one that may be an ECG.

    Raises:
        UserError: If there is none, or there are several and no name.
    """
    candidates = [one for one in leads if one.may_be_an_ecg] or leads
    if (name is None and len(candidates) == 1) or (len(leads) == 1 and leads[0].name == "1"):
        return candidates[0]
    names = [one.name for one in leads]
    matches = [one for one in leads if one.name.lower() == (name or "").lower()]
    if not matches and name is not None and name.isdecimal() and 0 < int(name) <= len(leads):
        matches = [leads[int(name) - 1]]
    if len(matches) == 1:
        return matches[0]
    problem = "One lead is read" if name is None else f"There is no lead {name!r}"
    first = candidates[0].name
    if names.count(first) > 1:  # names that do not tell them apart
        problem, first = "Leads are chosen by their place where names are the same", "1"
    raise UserError(f"{problem}. It has {', '.join(names)}: choose with --lead {first}.")


def in_millivolts(unit: str | None) -> float:
    """Return how many mV a unit is; mV where it is None.

    Raises:
        UserError: If it is no voltage.
    """
    from chapters.ecg.contents import VOLTS, normalized_unit

    if unit is not None and normalized_unit(unit) not in VOLTS:
        raise UserError(f"A unit is mV, µV (or uV) or V. Received: {unit!r}.")
    return 1.0 if unit is None else VOLTS[normalized_unit(unit)]


def check_scale(x: NDArray[Any]):
    """Refuse samples whose unit nobody stated and that are too small for mV.

    Large ones do no harm, for the detector knows no scale; `usable` remarks on them.

    Raises:
        UserError: If they span less than 0.02 mV and are not flat.
    """
    spread = np.nanmax(x, initial=-np.inf) - np.nanmin(x, initial=np.inf)
    if 0 < spread < FAINTEST:
        raise UserError(
            f"It spans {spread:.2g}, and a heart gives about 1 to 5 mV: which unit is it? Give "
            "--unit V, µV or mV."
        )


def usable(x: NDArray[Any], rate: float):
    """Return the samples at 300 Hz with remarks, or say why nothing can be told from them.

    Raises:
        UserError: If the recording is too short, flat, saturated, or mostly missing.
    """
    if len(x) == 0:
        raise UserError("There is not one sample in it.")
    if not 50 <= rate <= 10_000:
        raise UserError(f"An ECG has 50 to 10,000 samples a second. Received: {rate:g} Hz.")
    x, remarks = bridged(x)
    if rate != RATE:
        from scipy.signal import resample_poly

        up, down = RATE * 100, round(rate * 100)
        x = resample_poly(x, up // gcd(up, down), down // gcd(up, down), padtype="line")
        remarks.append(f"resampled from {rate:g} to {RATE} Hz")
    seconds = len(x) / RATE
    if seconds < SHORTEST:
        raise UserError(
            f"{seconds:.1f} s are too short: the rhythm is judged from ten seconds, and nothing "
            f"below {SHORTEST:g} s was tested. If the file has another rate than {RATE} Hz, give "
            "--rate."
        )
    spread = np.ptp(x)
    if spread < 1e-3:
        raise UserError("The line is flat: it varies by less than 0.001 mV. Was a lead off?")
    at_limits = np.isclose(x, x.min(), atol=1e-6 * spread) | np.isclose(
        x, x.max(), atol=1e-6 * spread
    )
    if at_limits.mean() > 0.2:
        raise UserError(
            f"The amplifier was saturated: {at_limits.mean():.0%} of the samples lie at the ends "
            "of its range."
        )
    if spread > 100:
        remarks.append(
            f"it spans {spread:,.0f} mV, a heart gives about 1 to 5: is the unit mV? (--unit; the "
            "scale does not matter to the detector.)"
        )
    flat = np.abs(np.diff(x)) < 1e-6 * spread
    if flat.mean() > 0.5:
        remarks.append(f"{flat.mean():.0%} of it is flat")
    return x.astype("float32"), remarks


def bridged(x: NDArray[Any]) -> tuple[NDArray[Any], list[str]]:
    """Return samples with a line in the place of those that are missing, and a remark on these.

    Raises:
        UserError: If more than a tenth is missing.
    """
    missing = ~np.isfinite(x)
    if missing.mean() > 0.1:
        raise UserError(f"{missing.mean():.0%} of the samples are no numbers; 10 % can be bridged.")
    if not missing.any():
        return x, []
    x = x.copy()
    x[missing] = np.interp(np.flatnonzero(missing), np.flatnonzero(~missing), x[~missing])
    return x, [f"{missing.sum()} samples were no numbers and were bridged by a line"]
