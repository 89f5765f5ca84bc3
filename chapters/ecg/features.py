"""What a cardiologist would measure: the beats, the time between them, and what lies there."""

from functools import cache

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, find_peaks, sosfiltfilt
from scipy.special import xlogy

from chapters.ecg.recordings import RATE

BANDS = ((0.5, 3), (3, 5), (5, 9), (9, 15), (15, 30), (30, 60))
LAGS = (1, 2, 3)
REFRACTORY = 0.24  # s: no heart beats again so soon
ONE_BEAT = np.arange(-int(0.3 * RATE), int(0.4 * RATE))
CLOSE = np.array([0.03, 0.05, 0.08, 0.12, 0.2, 0.4, 0.8])  # s: intervals that are taken for alike
TOGETHER = 256  # windows whose numbers are found at once: more need room and save no time

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
    candidates, _ = find_peaks(energy, height=0.2 * level, distance=int(REFRACTORY * rate))
    # A place is the middle of a complex; its R peak is the largest deflection within 80 ms.
    reach = np.arange(-int(0.08 * rate), int(0.08 * rate) + 1)
    near = np.clip(candidates[:, None] + reach, 0, len(steep) - 1)
    return np.unique(near[np.arange(len(candidates)), np.abs(steep[near]).argmax(axis=1)])


def cleaned(x):
    """Return recordings of one length without wander and hum, and the beats of each.

    Args:
        x: Samples in mV at 300 Hz, shape ``(recordings, samples)``.

    Returns:
        ``(signals, beats)``: the filtered `x`, and a list of the sample numbers of the R peaks.
    """
    x = np.asarray(x, float)
    signals = band_pass(x - np.median(x, axis=1, keepdims=True), 0.5, 40)
    return signals, [peaks(steep) for steep in band_pass(x, 5, 20)]


def of_one_length(rows):
    """Yield which rows have the same length, and these as one array, for each length."""
    lengths = np.array([len(row) for row in rows])
    for length in np.unique(lengths):
        indices = np.flatnonzero(lengths == length)
        yield indices, np.array([rows[k] for k in indices], int)


def entropy(counts):
    """Return Shannon's entropy of counts or powers, as a share of its greatest value."""
    total = counts.sum(axis=-1, keepdims=True)
    p = counts / np.where(total > 0, total, 1)
    return -xlogy(p, p).sum(axis=-1) / np.log(p.shape[-1])


def histogram(values, bins, low, high):
    """Return how many values of each row lie in each of some bins of one width."""
    bin_of = np.searchsorted(np.linspace(low, high, bins + 1), values, side="right") - 1
    bin_of = np.where(values == high, bins - 1, bin_of)
    return (bin_of[..., None] == np.arange(bins)).sum(axis=-2)


def coefficient_of_sample_entropy(rr):
    """Return how unforeseeable the intervals are, by Lake and Moorman (2011).

    CosEn = −ln(matches of two / matches of one) + ln(2r) − ln(mean RR), where two intervals match
    when they are within r of each other, and so do two runs of two; r grows until there are enough
    matches.

    Args:
        rr: Intervals in seconds, shape ``(…, intervals)``.
    """
    n = rr.shape[-1]
    if n < 4:
        return np.zeros(rr.shape[:-1])
    apart = np.abs(rr[..., :, None] - rr[..., None, :])
    before = np.triu_indices(n - 1, 1)
    one = apart[..., before[0], before[1]]
    two = np.maximum(one, apart[..., before[0] + 1, before[1] + 1])
    matches, longer = ([(distances <= r).sum(axis=-1) for r in CLOSE] for distances in (one, two))
    enough = np.array(longer) >= 5
    enough[-1] = True
    first = enough.argmax(axis=0)
    matches, longer = (np.choose(first, counts) for counts in (matches, longer))
    return -np.log((longer + 0.5) / (matches + 1)) + np.log(2 * CLOSE[first] / rr.mean(axis=-1))


def rhythm(beats, rate=RATE):
    """Return numbers on the time between beats: the rhythm of fibrillation has no rule.

    Args:
        beats: Sample numbers of the R peaks, shape ``(…, beats)``.
        rate: Samples per second.

    Returns:
        A dict: the first entries of `NAMES`, each of shape ``(…,)``.
    """
    rr = np.diff(beats) / rate
    names, none = NAMES[: NAMES.index("height_cv")], np.zeros(rr.shape[:-1])
    if rr.shape[-1] < 3:
        return dict.fromkeys(names, none) | {"beats": none + beats.shape[-1]}
    jumps = np.diff(rr)
    relative = np.abs(jumps) / rr[..., 1:]
    mean, sd = rr.mean(axis=-1), rr.std(axis=-1)
    rmssd = np.sqrt((jumps**2).mean(axis=-1))
    sd1 = jumps.std(axis=-1) / np.sqrt(2)
    sd2 = (rr[..., 1:] + rr[..., :-1]).std(axis=-1) / np.sqrt(2)
    centred = rr - mean[..., None]
    features = {
        "beats": none + beats.shape[-1],
        "rate": 60 / np.median(rr, axis=-1),
        "rr_mean": mean,
        "rr_median": np.median(rr, axis=-1),
        "rr_sd": sd,
        "rr_cv": sd / mean,
        "rr_min": rr.min(axis=-1),
        "rr_max": rr.max(axis=-1),
        "rr_iqr": np.subtract(*np.percentile(rr, (75, 25), axis=-1)),
        "rmssd": rmssd,
        "rmssd_relative": rmssd / mean,
        "pnn50": (np.abs(jumps) > 0.05).mean(axis=-1),
        "pnn10_percent": (relative > 0.1).mean(axis=-1),
        "pnn20_percent": (relative > 0.2).mean(axis=-1),
        "median_jump": np.median(relative, axis=-1),
        "jump_sd": jumps.std(axis=-1),
        "sd1": sd1,
        "sd2": sd2,
        "sd1_over_sd2": sd1 / (sd2 + 1e-3),
        "turning_points": (np.diff(np.sign(jumps)) != 0).mean(axis=-1),
        "rr_entropy": entropy(histogram(rr, 12, 0.2, 1.8)),
        "jump_entropy": entropy(histogram(jumps, 11, -0.55, 0.55)),
        "coefficient_of_sample_entropy": coefficient_of_sample_entropy(rr),
        "rr_skew": (centred**3).mean(axis=-1) / (sd + 0.01) ** 3,
        "rr_kurtosis": (centred**4).mean(axis=-1) / (sd + 0.01) ** 4,
        "alternation": alternation(jumps),
    }
    power = (centred**2).sum(axis=-1) + 1e-6
    for lag in LAGS:
        later, earlier = centred[..., lag:], centred[..., :-lag]
        features[f"rr_autocorrelation_{lag}"] = (later * earlier).sum(axis=-1) / power
    return {name: features[name] for name in names}


def alternation(jumps):
    """Return how jumps undo one another: an extra beat is early, and its pause is long."""
    one, other = jumps[..., :-1], jumps[..., 1:]
    vary = (one.std(axis=-1) > 1e-6) & (other.std(axis=-1) > 1e-6) & (jumps.shape[-1] > 2)
    return np.where(vary, correlation(one, other, 1e-30), 0)


def shape(x, inner, near):
    """Return numbers on the beats' shape: how alike they are, and what comes before each.

    Args:
        x: Samples between 0.5 and 40 Hz, in units of their own spread, shape ``(windows, n)``.
        inner: Sample numbers of the R peaks whose beats are whole, shape ``(windows, beats)``.
        near: Which samples belong to a QRS, shape ``(windows, n)``.
    """
    names = NAMES[NAMES.index("height_cv") : NAMES.index("power_0.5_3")]
    if inner.shape[1] < 3:
        return dict.fromkeys(names, np.zeros(len(x)))
    windows = np.arange(len(x))[:, None]
    each = x[windows[..., None], inner[..., None] + ONE_BEAT]
    typical = np.median(each, axis=1)
    alike = correlation(each, typical[:, None])
    p_wave = slice(int(0.04 * RATE), int(0.22 * RATE))  # 0.26 to 0.08 s before the R peak
    before, usual = each[..., p_wave], typical[:, p_wave]
    level = (before - before.mean(axis=2, keepdims=True)).reshape(len(x), -1)
    heights = np.abs(x[windows, inner])
    power = x**2
    return {
        "height_cv": heights.std(axis=1) / (heights.mean(axis=1) + 1e-6),
        "beat_likeness": np.median(alike, axis=1),
        "beat_likeness_low": np.percentile(alike, 20, axis=1),
        "p_wave_height": (usual.max(axis=1) - np.median(usual, axis=1))
        / (np.abs(typical).max(axis=1) + 1e-6),
        "p_wave_likeness": np.median(correlation(before, usual[:, None]), axis=1),
        "before_beat_power": np.log(level.var(axis=1) + 1e-6),
        "before_beat_slope": usual[:, -1] - usual[:, 0],
        "qrs_share": (power * near).sum(axis=1) / (power.sum(axis=1) + 1e-6),
    }


def around(beats, reach, size):
    """Return which samples lie up to `reach` samples from a beat: bools of shape ``(windows, n)``.

    Args:
        beats: The sample numbers of the R peaks of each window.
        reach: How far.
        size: ``(windows, n)``.
    """
    near = np.zeros(size, bool)
    window = np.repeat(np.arange(size[0]), [len(own) for own in beats])
    near_beats = np.concatenate(beats)[:, None] + np.arange(-reach, reach + 1)
    near[window[:, None], np.clip(near_beats, 0, size[1] - 1)] = True
    return near


def correlation(rows, others, least=1e-9):
    """Return the correlation of rows with others, along the last axis; 0 where one is flat."""
    rows = rows - rows.mean(axis=-1, keepdims=True)
    others = others - others.mean(axis=-1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=-1) * np.linalg.norm(others, axis=-1)
    return (rows * others).sum(axis=-1) / (lengths + least)


def spectrum(x, near):
    """Return how the signals' power is spread over frequencies, with and without the QRS.

    Fibrillating atria quiver at 4 to 9 Hz; between the beats that is all there is.

    Args:
        x: Samples between 0.5 and 40 Hz, in units of their own spread, shape ``(windows, n)``.
        near: Which samples belong to a QRS, shape ``(windows, n)``.
    """
    names = NAMES[NAMES.index("power_0.5_3") : NAMES.index("skewness")]
    frequencies, power = periodogram(x)
    _, between = periodogram(np.where(near, 0, x))
    heard = slice(*np.searchsorted(frequencies, (np.nextafter(0.5, 1), 60)))
    values = [share(frequencies, power, *band) for band in BANDS]
    values += [entropy(power[:, heard]), frequencies[heard][power[:, heard].argmax(axis=1)]]
    values += [share(frequencies, between, *band) for band in BANDS[:5]]
    return dict(zip(names, values, strict=True))


def periodogram(x):
    """Return frequencies in Hz and the power of each row of `x` there, through a Hann window."""
    n = x.shape[-1]
    heard = np.fft.rfft((x - x.mean(axis=-1, keepdims=True)) * np.hanning(n))
    return np.fft.rfftfreq(n, 1 / RATE), heard.real**2 + heard.imag**2


def share(frequencies, power, low, high):
    """Return the logarithm of the share of the power that lies between two frequencies."""
    inside = power[..., slice(*np.searchsorted(frequencies, (low, high)))].sum(axis=-1)
    return np.log((inside + 1e-9) / (power.sum(axis=-1) + 1e-6))


def expert_features(x):
    """Return the expert's numbers for one recording or window, in the order of `NAMES`.

    Args:
        x: Samples in mV at 300 Hz, shape ``(n,)`` or ``(n, 1)``; 3 s or more.

    Returns:
        float32 of shape ``(len(NAMES),)``; finite for any finite `x`.
    """
    return features_of(np.reshape(x, (1, -1)))[0]


def features_of(windows):
    """Return the expert's numbers for windows of one length.

    Args:
        windows: Samples in mV at 300 Hz, shape ``(windows, n)`` or ``(windows, n, 1)``.

    Returns:
        float32 of shape ``(windows, len(NAMES))``.
    """
    parts = [windows[start : start + TOGETHER] for start in range(0, len(windows), TOGETHER)]
    rows = [np.reshape(part, (len(part), -1)).astype(float) for part in parts]
    return np.concatenate([described(x, *cleaned(x)) for x in rows])


def described(x, clean, beats):
    """Return the numbers of windows: their samples, and what `cleaned` says of them."""
    spread = 1.4826 * np.median(np.abs(clean), axis=1, keepdims=True) + 1e-3
    clean = np.clip(clean / spread, -50, 50)
    standard = clean - clean.mean(axis=1, keepdims=True)
    standard /= clean.std(axis=1, keepdims=True) + 1e-6
    square = standard**2
    features = spectrum(clean, around(beats, 24, x.shape)) | {
        "skewness": (square * standard).mean(axis=1),
        "kurtosis": np.log1p((square**2).mean(axis=1)),
        "zero_crossings": (np.diff(np.sign(clean)) != 0).mean(axis=1),
        "flat_share": (np.abs(np.diff(x)) < 1e-6).mean(axis=1),
        "peak_over_median": np.log(np.abs(clean).max(axis=1) + 1),
    }
    features |= {name: np.zeros(len(x)) for name in NAMES if name not in features}
    for which, own in of_one_length(beats):
        for name, values in rhythm(own).items():
            features[name][which] = values
    inside = [own[(own + ONE_BEAT[0] >= 0) & (own + ONE_BEAT[-1] < x.shape[1])] for own in beats]
    near = around(beats, 18, x.shape)
    for which, own in of_one_length(inside):
        for name, values in shape(clean[which], own, near[which]).items():
            features[name][which] = values
    return np.stack([features[name] for name in NAMES], axis=1).astype("float32")
