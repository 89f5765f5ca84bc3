"""What a cardiologist would measure: the beats, the time between them, and what lies there."""

from functools import cache

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, find_peaks, sosfiltfilt

from chapters.ecg.recordings import RATE

BANDS = ((0.5, 3), (3, 5), (5, 9), (9, 15), (15, 30), (30, 60))
LAGS = (1, 2, 3)
REFRACTORY = 0.24  # s: no heart beats again so soon
ONE_BEAT = np.arange(-int(0.3 * RATE), int(0.4 * RATE))

NAMES = (
    "beats", "rate", "rr_mean", "rr_median", "rr_sd", "rr_cv", "rr_min", "rr_max", "rr_iqr",
    "rmssd", "rmssd_relative", "pnn50", "pnn10_percent", "pnn20_percent", "median_jump",
    "jump_sd", "sd1", "sd2", "sd1_over_sd2", "turning_points", "rr_entropy", "jump_entropy",
    "coefficient_of_sample_entropy", "rr_skew", "rr_kurtosis", "alternation",
    *(f"rr_autocorrelation_{lag}" for lag in LAGS),
    "height_cv", "beat_likeness", "beat_likeness_low", "p_wave_height", "p_wave_likeness",
    "before_beat_power", "before_beat_slope", "qrs_share",
    *(f"power_{low:g}_{high:g}" for low, high in BANDS), "spectral_entropy", "dominant_frequency",
    *(f"between_beats_power_{low:g}_{high:g}" for low, high in BANDS[:5]),
    "skewness", "kurtosis", "zero_crossings", "flat_share", "peak_over_median",
)  # fmt: skip


def band_pass(x, low, high, rate=RATE, order=2):
    """Return `x` without what lies outside `low` to `high` Hz, shifted in time by nothing.

    Args:
        x: Signals along the last axis.
        low: Lower edge in Hz.
        high: Upper edge in Hz.
        rate: Samples per second.
        order: Order of the Butterworth filter, which runs forth and back.
    """
    return sosfiltfilt(sections(low, high, rate, order), x, axis=-1)


@cache
def sections(low, high, rate, order):
    """Return the second-order sections of a Butterworth band-pass."""
    return butter(order, (low, high), "bandpass", fs=rate, output="sos")


def find_beats(x, rate=RATE):
    """Return where the R peaks of a single-lead recording are, as sample numbers.

    After Pan and Tompkins (1985), who keep 5 to 15 Hz, sum over 0.15 s and adapt two thresholds:
    a band-pass of 5 to 20 Hz keeps the steep QRS complexes, their slope is squared and summed over
    0.1 s, and what stands out of that is a beat. The threshold is a share of the middle second's
    highest point, so one artefact does not raise it.

    Args:
        x: Samples in mV, shape ``(n,)``.
        rate: Samples per second.
    """
    return peaks(band_pass(x, 5, 20, rate), rate)


def peaks(steep, rate=RATE):
    """Return where the R peaks are in what the band-pass has left."""
    energy = uniform_filter1d(np.gradient(steep) ** 2, int(0.1 * rate))
    seconds = energy[: len(energy) // rate * rate].reshape(-1, rate).max(axis=1)
    level = np.median(seconds)
    if level < 1e-9:  # mV² per sample²: nothing moves
        return np.arange(0)
    places, _ = find_peaks(energy, height=0.2 * level, distance=int(REFRACTORY * rate))
    # A place is the middle of a complex; its R peak is the largest deflection within 80 ms.
    reach = np.arange(-int(0.08 * rate), int(0.08 * rate) + 1)
    near = np.clip(places[:, None] + reach, 0, len(steep) - 1)
    return np.unique(near[np.arange(len(places)), np.abs(steep[near]).argmax(axis=1)])


def entropy(counts):
    """Return Shannon's entropy of some counts or powers, as a share of its greatest value."""
    p = np.asarray(counts, float)
    total = p.sum()
    if total <= 0 or len(p) < 2:
        return 0.0
    p = p[p > 0] / total
    return float(-(p * np.log(p)).sum() / np.log(len(counts)))


def coefficient_of_sample_entropy(rr, length=1):
    """Return how unforeseeable the intervals are, by Lake and Moorman (2011).

    CosEn = −ln(matches one longer / matches) + ln(2r) − ln(mean RR), where two runs match when all
    of their intervals are within r of each other; r grows until there are enough matches.

    Args:
        rr: Intervals in seconds.
        length: How many intervals a run has, m in the paper.
    """
    n = len(rr)
    if n < length + 3:
        return 0.0
    close = np.abs(rr[:, None] - rr[None, :])
    before = np.triu_indices(n - length, 1)
    for r in (0.03, 0.05, 0.08, 0.12, 0.2, 0.4, 0.8):
        matches = (close[before] <= r).sum()
        longer = ((close[before] <= r) & (close[1:, 1:][before] <= r)).sum()
        if longer >= 5:
            break
    return float(-np.log((longer + 0.5) / (matches + 1)) + np.log(2 * r) - np.log(rr.mean()))


def rhythm(beats, rate=RATE):
    """Return numbers on the time between beats: the rhythm of fibrillation has no rule.

    Args:
        beats: Sample numbers of the R peaks.
        rate: Samples per second.

    Returns:
        A dict: the first entries of `NAMES`.
    """
    rr = np.diff(beats) / rate
    names = NAMES[: NAMES.index("height_cv")]
    if len(rr) < 3:
        return dict.fromkeys(names, 0.0) | {"beats": float(len(beats))}
    jumps = np.diff(rr)
    relative = np.abs(jumps) / rr[1:]
    sd1, sd2 = np.std(jumps) / np.sqrt(2), np.std(rr[1:] + rr[:-1]) / np.sqrt(2)
    turns = (np.diff(np.sign(jumps)) != 0).mean() if len(jumps) > 1 else 0.0
    centred = rr - rr.mean()
    power = (centred**2).sum() + 1e-6
    found = {
        "beats": len(beats),
        "rate": 60 / np.median(rr),
        "rr_mean": rr.mean(),
        "rr_median": np.median(rr),
        "rr_sd": rr.std(),
        "rr_cv": rr.std() / rr.mean(),
        "rr_min": rr.min(),
        "rr_max": rr.max(),
        "rr_iqr": np.subtract(*np.percentile(rr, (75, 25))),
        "rmssd": np.sqrt((jumps**2).mean()),
        "rmssd_relative": np.sqrt((jumps**2).mean()) / rr.mean(),
        "pnn50": (np.abs(jumps) > 0.05).mean(),
        "pnn10_percent": (relative > 0.1).mean(),
        "pnn20_percent": (relative > 0.2).mean(),
        "median_jump": np.median(relative),
        "jump_sd": np.std(jumps),
        "sd1": sd1,
        "sd2": sd2,
        "sd1_over_sd2": sd1 / (sd2 + 1e-3),
        "turning_points": turns,
        "rr_entropy": entropy(np.histogram(rr, bins=12, range=(0.2, 1.8))[0]),
        "jump_entropy": entropy(np.histogram(jumps, bins=11, range=(-0.55, 0.55))[0]),
        "coefficient_of_sample_entropy": coefficient_of_sample_entropy(rr),
        "rr_skew": (centred**3).mean() / (rr.std() + 0.01) ** 3,
        "rr_kurtosis": (centred**4).mean() / (rr.std() + 0.01) ** 4,
        # an extra beat is early and its pause is long: jumps that undo one another
        "alternation": np.corrcoef(jumps[:-1], jumps[1:])[0, 1]
        if len(jumps) > 2 and np.std(jumps[:-1]) > 1e-6 and np.std(jumps[1:]) > 1e-6
        else 0.0,
    }
    for lag in LAGS:
        found[f"rr_autocorrelation_{lag}"] = (centred[lag:] * centred[:-lag]).sum() / power
    return {name: float(found[name]) for name in names}


def shape(x, beats):
    """Return numbers on the beats' shape: how alike they are, and what comes before each.

    Args:
        x: Samples between 0.5 and 40 Hz, in units of their own spread.
        beats: Sample numbers of the R peaks.
    """
    names = NAMES[NAMES.index("height_cv") : NAMES.index("power_0.5_3")]
    whole = beats[(beats + ONE_BEAT[0] >= 0) & (beats + ONE_BEAT[-1] < len(x))]
    if len(whole) < 3:
        return dict.fromkeys(names, 0.0)
    each = x[whole[:, None] + ONE_BEAT]
    typical = np.median(each, axis=0)
    alike = correlation(each, typical)
    p_wave = slice(int(0.04 * RATE), int(0.22 * RATE))  # 0.26 to 0.08 s before the R peak
    before, usual = each[:, p_wave], typical[p_wave]
    heights = np.abs(x[whole])
    near = np.zeros(len(x), bool)
    near[np.clip(beats[:, None] + np.arange(-18, 19), 0, len(x) - 1)] = True
    found = {
        "height_cv": heights.std() / (heights.mean() + 1e-6),
        "beat_likeness": np.median(alike),
        "beat_likeness_low": np.percentile(alike, 20),
        "p_wave_height": (usual.max() - np.median(usual)) / (np.abs(typical).max() + 1e-6),
        "p_wave_likeness": np.median(correlation(before, usual)),
        "before_beat_power": np.log((before - before.mean(1, keepdims=True)).var() + 1e-6),
        "before_beat_slope": usual[-1] - usual[0],
        "qrs_share": (x[near] ** 2).sum() / ((x**2).sum() + 1e-6),
    }
    return {name: float(found[name]) for name in names}


def correlation(rows, one):
    """Return the correlation of each row with one signal."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    one = one - one.mean()
    return rows @ one / (np.linalg.norm(rows, axis=1) * np.linalg.norm(one) + 1e-9)


def spectrum(x, beats):
    """Return how the signal's power is spread over frequencies, with and without the QRS.

    Fibrillating atria quiver at 4 to 9 Hz; between the beats that is all there is.
    """
    names = NAMES[NAMES.index("power_0.5_3") : NAMES.index("skewness")]
    frequencies, power = periodogram(x)
    heard = (frequencies > 0.5) & (frequencies < 60)
    quiet = x.copy()
    gone = np.clip(beats[:, None] + np.arange(-24, 25), 0, len(x) - 1)
    quiet[gone] = 0
    _, between = periodogram(quiet)
    values = [share(frequencies, power, *band) for band in BANDS]
    values += [entropy(power[heard]), frequencies[heard][power[heard].argmax()]]
    values += [share(frequencies, between, *band) for band in BANDS[:5]]
    return dict(zip(names, map(float, values), strict=True))


def periodogram(x):
    """Return frequencies in Hz and the power of `x` at each, through a Hann window."""
    power = np.abs(np.fft.rfft((x - x.mean()) * np.hanning(len(x)))) ** 2
    return np.fft.rfftfreq(len(x), 1 / RATE), power


def share(frequencies, power, low, high):
    """Return the logarithm of the share of the power that lies between two frequencies."""
    inside = power[(frequencies >= low) & (frequencies < high)].sum()
    return np.log((inside + 1e-9) / (power.sum() + 1e-6))


def expert_features(x):
    """Return the expert's numbers for one recording or window, in the order of `NAMES`.

    Args:
        x: Samples in mV at 300 Hz, shape ``(n,)`` or ``(n, 1)``; 3 s or more.

    Returns:
        float32 of shape ``(len(NAMES),)``; finite for any finite `x`.
    """
    return features_of(np.reshape(x, (1, -1)))[0]


def features_of(windows):
    """Return the expert's numbers for windows of one length; the filters read all at once.

    Args:
        windows: Samples in mV at 300 Hz, shape ``(windows, n)`` or ``(windows, n, 1)``.

    Returns:
        float32 of shape ``(windows, len(NAMES))``.
    """
    x = np.reshape(windows, (len(windows), -1)).astype(float)
    x = x - np.median(x, axis=1, keepdims=True)
    clean = band_pass(x, 0.5, 40)
    spread = 1.4826 * np.median(np.abs(clean), axis=1, keepdims=True) + 1e-3
    clean = np.clip(clean / spread, -50, 50)
    beats = map(peaks, band_pass(x, 5, 20))
    return np.stack([described(*one) for one in zip(x, clean, beats, strict=True)])


def described(x, clean, beats):
    """Return the numbers of one window: its samples, those between 0.5 and 40 Hz, its beats."""
    found = rhythm(beats) | shape(clean, beats) | spectrum(clean, beats)
    standard = (clean - clean.mean()) / (clean.std() + 1e-6)
    found |= {
        "skewness": float((standard**3).mean()),
        "kurtosis": float(np.log1p((standard**4).mean())),
        "zero_crossings": float((np.diff(np.sign(clean)) != 0).mean()),
        "flat_share": float((np.abs(np.diff(x)) < 1e-6).mean()),
        "peak_over_median": float(np.log(np.abs(clean).max() + 1)),
    }
    return np.array([found[name] for name in NAMES], "float32")
