// The arithmetic of the gradients' figure: a stack of layers, forward and backward.
// The tests hold it against chapters/gradients/scratch.py, number by number.

const stack = (() => {
  const EPSILON = 1e-3;

  /** Each activation: its value and its slope at z. */
  const sigmoid = (z) => 0.5 * (1 + Math.tanh(z / 2));
  const ACTIVATIONS = {
    linear: [(z) => z, () => 1],
    sigmoid: [sigmoid, (z) => sigmoid(z) * (1 - sigmoid(z))],
    tanh: [Math.tanh, (z) => 1 - Math.tanh(z) ** 2],
    relu: [(z) => Math.max(z, 0), (z) => (z > 0 ? 1 : 0)],
    "leaky relu": [(z) => (z > 0 ? z : 0.01 * z), (z) => (z > 0 ? 1 : 0.01)],
  };

  /** The variance of a weight's first value, in a layer of `inputs` and `units`. */
  const INITIALIZATIONS = {
    small: () => 0.01 ** 2,
    large: (inputs) => 4 / inputs,
    Glorot: (inputs, units) => 2 / (inputs + units),
    He: (inputs) => 2 / inputs,
  };

  // --- Matrices: { rows, columns, data }, row by row ---

  const matrix = (rows, columns, data = new Float64Array(rows * columns)) => ({ rows, columns, data });
  const map = (of, value) => matrix(of.rows, of.columns, of.data.map(value));

  /** a · b, or with `turned` a · bᵀ. */
  function product(a, b, turned = false) {
    const columns = turned ? b.rows : b.columns;
    const out = matrix(a.rows, columns);
    for (let i = 0; i < a.rows; i++) {
      for (let k = 0; k < a.columns; k++) {
        const value = a.data[i * a.columns + k];
        if (value === 0) continue;
        for (let j = 0; j < columns; j++) {
          out.data[i * columns + j] += value * b.data[turned ? j * b.columns + k : k * columns + j];
        }
      }
    }
    return out;
  }

  /** Call `each` with the places of what is normalized together: a unit's examples, or an example's units. */
  function groups({ rows, columns }, over, each) {
    const [count, length] = over === "batch" ? [columns, rows] : [rows, columns];
    for (let group = 0; group < count; group++) {
      each(Array.from({ length }, (_, i) => (over === "batch" ? i * columns + group : group * columns + i)));
    }
  }

  const mean = (places, value) => places.reduce((sum, place) => sum + value(place), 0) / places.length;

  /** (z − μ) / √(σ² + ε), over the batch or over the layer. */
  function normalize(z, over) {
    if (over === "none") return z;
    const out = matrix(z.rows, z.columns);
    groups(z, over, (places) => {
      const middle = mean(places, (place) => z.data[place]);
      const deviation = Math.sqrt(mean(places, (place) => (z.data[place] - middle) ** 2) + EPSILON);
      for (const place of places) out.data[place] = (z.data[place] - middle) / deviation;
    });
    return out;
  }

  /** ∂E/∂z from ∂E/∂ẑ. */
  function normalizeBackward(upstream, z, over) {
    if (over === "none") return upstream;
    const out = matrix(z.rows, z.columns);
    const hat = normalize(z, over);
    groups(z, over, (places) => {
      const middle = mean(places, (place) => z.data[place]);
      const deviation = Math.sqrt(mean(places, (place) => (z.data[place] - middle) ** 2) + EPSILON);
      const shift = mean(places, (place) => upstream.data[place]);
      const stretch = mean(places, (place) => upstream.data[place] * hat.data[place]);
      for (const place of places) {
        out.data[place] = (upstream.data[place] - shift - hat.data[place] * stretch) / deviation;
      }
    });
    return out;
  }

  /** What each layer is given, adds up (z), gives to its activation (u), and gives out (a). */
  function forward(x, weights, { activation, normalization, shortcuts }) {
    const [value] = ACTIVATIONS[activation];
    let a = x;
    return weights.map((kernel) => {
      const given = a;
      const z = product(given, kernel);
      const u = normalize(z, normalization);
      a = map(u, value);
      if (shortcuts) a = map(a, (one, i) => one + given.data[i]);
      return { given, z, u, a };
    });
  }

  /** ∂E/∂a of the input and of each layer, from that of the last. */
  function backward(upstream, steps, weights, { activation, normalization, shortcuts }) {
    const slope = ACTIVATIONS[activation][1];
    const gradients = [upstream];
    for (let l = steps.length - 1; l >= 0; l--) {
      const above = gradients[0];
      const inside = map(steps[l].u, (u, i) => above.data[i] * slope(u));
      const through = product(normalizeBackward(inside, steps[l].z, normalization), weights[l], true);
      gradients.unshift(shortcuts ? map(through, (one, i) => one + above.data[i]) : through);
    }
    return gradients;
  }

  /** A source of normal numbers that are the same for the same seed. */
  function normal(seed) {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4294967296;
    };
    return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  const drawn = (rows, columns, deviation, next) =>
    map(matrix(rows, columns), () => deviation * next());

  /** Draw a stack, send normal numbers up and normal gradients back. */
  function run({ depth, width, examples, initialization, seed, ...how }) {
    const next = normal(seed);
    const deviation = Math.sqrt(INITIALIZATIONS[initialization](width, width));
    const x = drawn(examples, width, 1, next);
    const upstream = drawn(examples, width, 1, next);
    const weights = Array.from({ length: depth }, () => drawn(width, width, deviation, next));
    const steps = forward(x, weights, how);
    return { activations: [x, ...steps.map(({ a }) => a)], gradients: backward(upstream, steps, weights, how), steps };
  }

  /** √E[v²] */
  const size = ({ data }) => Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);

  /** How many numbers fall into each bin of [−reach, reach]; outliers into the last ones, zeros into none. */
  function histogram({ data }, reach, bins) {
    const counts = new Array(bins).fill(0);
    for (const value of data) {
      if (value === 0) continue;
      const bin = Math.floor(((value + reach) / (2 * reach)) * bins);
      counts[Math.min(bins - 1, Math.max(0, bin))] += 1;
    }
    return counts;
  }

  /** The share of exact zeros. */
  const zeros = ({ data }) => data.reduce((count, value) => count + (value === 0), 0) / data.length;

  return {
    ACTIVATIONS, INITIALIZATIONS, matrix, normalize, normalizeBackward, forward, backward, normal, run, size,
    histogram, zeros,
  };
})();

if (typeof module !== "undefined") module.exports = stack;
