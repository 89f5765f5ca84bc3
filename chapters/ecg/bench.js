// The arithmetic of the bench: what comes of a threshold and a prevalence, and of marked beats.
// The tests hold it against scikit-learn and against chapters/ecg/features.py.

const bench = (() => {
  /**
   * What a threshold does to patients of whom a share `prevalence` is ill. `scores` are the
   * detector's, `ill` says who is; shares of the ill and of the healthy come from them.
   */
  function judge(scores, ill, threshold, prevalence) {
    const counts = { found: 0, missed: 0, falseAlarms: 0, spared: 0 };
    scores.forEach((score, i) => {
      const alarm = score >= threshold;
      counts[ill[i] ? (alarm ? "found" : "missed") : alarm ? "falseAlarms" : "spared"] += 1;
    });
    const sensitivity = counts.found / (counts.found + counts.missed);
    const falsely = counts.falseAlarms / (counts.falseAlarms + counts.spared);
    const [right, wrong] = [sensitivity * prevalence, falsely * (1 - prevalence)];
    const precision = right / (right + wrong); // NaN where nothing raises an alarm
    const f1 = (2 * right) / (right + wrong + prevalence);
    return { ...counts, sensitivity, specificity: 1 - falsely, precision, f1 };
  }

  /** Both curves over all thresholds, from the strictest on, and the areas under them. */
  function curves(scores, ill, prevalence) {
    const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a]);
    const sick = ill.filter(Boolean).length;
    const [weight, other] = [prevalence / sick, (1 - prevalence) / (ill.length - sick)];
    const roc = [[0, 0]];
    const pr = [];
    let [right, wrong, area, average] = [0, 0, 0, 0];
    order.forEach((i, place) => {
      if (ill[i]) right += weight;
      else wrong += other;
      if (place + 1 < order.length && scores[order[place + 1]] === scores[i]) return; // a tie
      const [x, y] = roc.at(-1);
      const next = [wrong / (1 - prevalence), right / prevalence];
      area += ((next[0] - x) * (next[1] + y)) / 2;
      average += (next[1] - y) * (right / (right + wrong));
      roc.push(next);
      pr.push([next[1], right / (right + wrong)]);
    });
    return { roc, pr, area, average };
  }

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const half = sorted.length / 2;
    return Number.isInteger(half) ? (sorted[half - 1] + sorted[half]) / 2 : sorted[Math.floor(half)];
  }

  /** Of beats at these seconds: their rate a minute, and how irregular the times between them are. */
  function rhythm(beats) {
    const rr = beats.slice(1).map((beat, i) => beat - beats[i]);
    const jumps = rr.slice(1).map((value, i) => value - rr[i]);
    return {
      rate: 60 / median(rr),
      rmssd: Math.sqrt(mean(jumps.map((jump) => jump ** 2))),
      variation: Math.sqrt(mean(rr.map((value) => (value - mean(rr)) ** 2))) / mean(rr),
    };
  }

  /** Which marks stand for a beat (within 0.1 s, each beat once), and which beats have none. */
  function compare(marks, beats, within = 0.1) {
    const free = new Set(beats);
    const extra = marks.filter((mark) => {
      const [near] = [...free].sort((a, b) => Math.abs(a - mark) - Math.abs(b - mark));
      if (near === undefined || Math.abs(near - mark) > within) return true;
      free.delete(near);
      return false;
    });
    return { extra, missed: [...free] };
  }

  /** The place of the largest deflection within 0.08 s of a sample. */
  function snap(signal, at, rate = 100) {
    const reach = Math.round(0.08 * rate);
    const middle = median(signal);
    let best = Math.min(signal.length - 1, Math.max(0, Math.round(at)));
    for (let i = Math.max(0, best - reach), end = Math.min(signal.length - 1, best + reach); i <= end; i++) {
      if (Math.abs(signal[i] - middle) > Math.abs(signal[best] - middle)) best = i;
    }
    return best;
  }

  return { judge, curves, rhythm, compare, snap };
})();

if (typeof module !== "undefined") module.exports = bench;
