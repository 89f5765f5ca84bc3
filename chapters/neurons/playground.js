// The arithmetic of the neuron playground: plain numbers in, plain numbers out.
// The tests hold every function against scratch.py, step by step.

const playground = (() => {
  // --- Activations and losses: a value and a slope each ---

  /** +1 where z > 0, otherwise −1: zero counts as −1. */
  const sign = (z) => (z > 0 ? 1 : -1);

  /** 1 / (1 + e⁻ᶻ): e is only ever raised to a negative power. */
  const sigmoid = (z) => {
    const small = Math.exp(-Math.abs(z));
    return (z >= 0 ? 1 : small) / (1 + small);
  };
  const sigmoidSlope = (z) => sigmoid(z) * sigmoid(-z);

  const ACTIVATIONS = {
    step: { value: sign, slope: () => 0 },
    sigmoid: { value: sigmoid, slope: sigmoidSlope },
    tanh: { value: Math.tanh, slope: (z) => 1 - Math.tanh(z) ** 2 },
    relu: { value: (z) => Math.max(z, 0), slope: (z) => (z > 0 ? 1 : 0) },
    leaky_relu: { value: (z) => (z > 0 ? z : 0.01 * z), slope: (z) => (z > 0 ? 1 : 0.01) },
  };

  // Of the output's z and a class t, 0 or 1. Cross-entropy and hinge read z, the others σ(z).
  const LOSSES = {
    "cross-entropy": {
      value: (z, t) => Math.max(z, 0) - t * z + Math.log1p(Math.exp(-Math.abs(z))),
      slope: (z, t) => sigmoid(z) - t,
    },
    L2: {
      value: (z, t) => (sigmoid(z) - t) ** 2,
      slope: (z, t) => 2 * (sigmoid(z) - t) * sigmoidSlope(z),
    },
    L1: {
      value: (z, t) => Math.abs(sigmoid(z) - t),
      slope: (z, t) => Math.sign(sigmoid(z) - t) * sigmoidSlope(z),
    },
    hinge: {
      value: (z, t) => Math.max(0, 1 - (2 * t - 1) * z),
      slope: (z, t) => ((2 * t - 1) * z < 1 ? 1 - 2 * t : 0),
    },
  };

  // --- The perceptron ---

  /** wᵀx + b. */
  const weighted = (weights, bias, x) => weights.reduce((sum, w, i) => sum + w * x[i], 0) + bias;

  /** Show it one example: what it answered, and its weights and bias afterwards. */
  function perceptronStep({ weights, bias }, x, target, rate) {
    const z = weighted(weights, bias, x);
    const error = target - sign(z);
    return { z, error, weights: weights.map((w, i) => w + rate * error * x[i]), bias: bias + rate * error };
  }

  /** (R / γ)², which bounds the mistakes of every perceptron from 0; null if the line does not separate. */
  function mistakeBound(X, y, weights, bias) {
    const length = Math.hypot(...weights, bias);
    const margin = Math.min(...X.map((x, i) => y[i] * weighted(weights, bias, x))) / length;
    const largest = Math.max(...X.map((x) => x.reduce((sum, v) => sum + v * v, 1)));
    return margin > 0 ? largest / margin ** 2 : null;
  }

  /** Weights and bias of the line that keeps the farthest off, nearly (Gilbert, 1966). */
  function widestMargin(X, y, steps = 2000) {
    const points = X.map((x, i) => [...x, 1].map((v) => y[i] * v));
    const dot = (a, b) => a.reduce((sum, v, k) => sum + v * b[k], 0);
    let v = points[0];
    for (let step = 0; step < steps; step++) {
      const stand = points.map((p) => dot(p, v));
      const worst = points[stand.indexOf(Math.min(...stand))];
      const away = worst.map((p, k) => p - v[k]);
      const square = dot(away, away);
      if (square === 0) break;
      const share = Math.min(1, Math.max(0, -dot(v, away) / square));
      v = v.map((old, k) => old + share * away[k]);
    }
    return { weights: v.slice(0, -1), bias: v[v.length - 1] };
  }

  // --- A small network: for each layer W, of shape (inputs, units), and b ---

  /** Every layer's z for one example. */
  function forward(layers, x, activation) {
    const { value } = ACTIVATIONS[activation];
    const zs = [];
    for (const { W, b } of layers) {
      const inputs = zs.length ? zs[zs.length - 1].map(value) : x;
      zs.push(b.map((bias, unit) => inputs.reduce((sum, a, i) => sum + a * W[i][unit], bias)));
    }
    return zs;
  }

  /** The mean loss of some examples, and its gradient for every weight and bias. */
  function gradients(layers, X, targets, activation, loss) {
    const { value, slope } = ACTIVATIONS[activation];
    const to = layers.map(({ W, b }) => ({ W: W.map((row) => row.map(() => 0)), b: b.map(() => 0) }));
    let total = 0;
    X.forEach((x, n) => {
      const zs = forward(layers, x, activation);
      const z = zs[zs.length - 1][0];
      total += LOSSES[loss].value(z, targets[n]);
      let delta = [LOSSES[loss].slope(z, targets[n]) / X.length];
      for (let k = layers.length - 1; k >= 0; k--) {
        const inputs = k ? zs[k - 1].map(value) : x;
        delta.forEach((d, unit) => {
          to[k].b[unit] += d;
          inputs.forEach((a, i) => (to[k].W[i][unit] += a * d));
        });
        if (k) {
          delta = zs[k - 1].map((below, i) =>
            delta.reduce((sum, d, unit) => sum + d * layers[k].W[i][unit], 0) * slope(below),
          );
        }
      }
    });
    return { loss: total / X.length, to };
  }

  /** The network one step down: each number less the rate times its gradient. */
  function networkStep(layers, X, targets, { rate, activation, loss }) {
    const { to } = gradients(layers, X, targets, activation, loss);
    return layers.map(({ W, b }, k) => ({
      W: W.map((row, i) => row.map((w, unit) => w - rate * to[k].W[i][unit])),
      b: b.map((bias, unit) => bias - rate * to[k].b[unit]),
    }));
  }

  /**
   * Do what a JSON of the figure says, and return what was there after each step.
   * A perceptron's `order` has an example for each step, a network's a list of them.
   */
  function replay(given) {
    const after = [];
    let { weights, bias, layers } = given;
    for (const at of given.order) {
      if (given.kind === "perceptron") {
        ({ weights, bias } = perceptronStep({ weights, bias }, given.X[at], given.y[at], given.rate));
        after.push({ weights, bias });
      } else {
        const pick = (rows) => at.map((i) => rows[i]);
        const classes = pick(given.y).map((one) => (one + 1) / 2);
        layers = networkStep(layers, pick(given.X), classes, given);
        after.push(layers);
      }
    }
    return after;
  }

  // --- Chance with a seed, first weights, data ---

  /** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
  function randoms(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  /** A number of the normal distribution, from two of `random`. */
  const normal = (random) =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

  /** First weights, N(0, 1 / inputs); biases of 0. */
  const initialLayers = (sizes, random) =>
    sizes.slice(1).map((units, k) => ({
      W: Array.from({ length: sizes[k] }, () =>
        Array.from({ length: units }, () => normal(random) / Math.sqrt(sizes[k]))),
      b: new Array(units).fill(0),
    }));

  /** 0, 1, … in an order drawn by `random`. */
  function shuffled(count, random) {
    const order = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  const scattered = (random, [x, y], spread) => [x + spread * normal(random), y + spread * normal(random)];
  const DATA = {
    // Anywhere, but for a gap along a line.
    gap: (random, i) => {
      for (;;) {
        const point = [2.4 * random() - 1.2, 2.4 * random() - 1.2];
        const side = 0.6 * point[0] + 0.8 * point[1] - 0.3;
        if ((i % 2 ? side : -side) > 0.1) return point;
      }
    },
    xor: (random, i) => {
      const corner = i % 4;
      const [x, y] = [[-1, -1], [1, -1], [1, 1], [-1, 1]][corner];
      return scattered(random, [0.75 * x, 0.75 * y], 0.16);
    },
    moons: (random, i) => {
      const angle = Math.PI * random();
      const [x, y] = [Math.cos(angle), Math.sin(angle)];
      return scattered(random, i % 2 ? [0.9 * x - 0.45, 0.9 * y - 0.25] : [0.45 - 0.9 * x, 0.2 - 0.9 * y], 0.08);
    },
    circles: (random, i) => {
      const angle = 2 * Math.PI * random();
      const radius = i % 2 ? 0.42 : 1.1;
      return scattered(random, [radius * Math.cos(angle), radius * Math.sin(angle)], 0.08);
    },
  };

  /** Points with classes +1 and −1 in turn: gap, xor, moons or circles. */
  function data(name, count, seed) {
    const random = randoms(seed);
    const X = Array.from({ length: count }, (_, i) => DATA[name](random, i));
    return { X, y: X.map((_, i) => (i % 2 ? 1 : -1)) };
  }

  /**
   * Points of a text with two numbers and a class on each line, between commas, semicolons or tabs;
   * a heading may stand first. Each number is scaled so that its column reaches from −1.2 to 1.2.
   */
  function readCsv(text) {
    const lines = text.split(/\r?\n/).map((line, i) => ({ line: line.trim(), number: i + 1 }))
      .filter(({ line }) => line !== "");
    const mark = [";", "\t"].find((one) => lines[0]?.line.includes(one)) ?? ",";
    const rows = lines.map(({ line, number }) => {
      const cells = line.split(mark).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
      const value = (cell) => (cell ? Number(mark === "," ? cell : cell.replace(",", ".")) : NaN);
      return { x: cells.slice(0, 2).map(value), label: cells[cells.length - 1], count: cells.length, number };
    });
    if (rows.length && rows[0].x.every(Number.isNaN)) rows.shift();
    if (rows.length < 2) throw new Error("Two points at least are needed: two numbers and a class on each line.");
    if (rows.length > 400) throw new Error(`The playground holds 400 points. Received: ${rows.length}.`);
    for (const { x, count, number } of rows) {
      if (count < 3) throw new Error(`Line ${number} has ${count} column${count > 1 ? "s" : ""}; two numbers and a class are needed.`);
      if (!x.every(Number.isFinite)) throw new Error(`Line ${number} does not begin with two numbers.`);
    }
    const labels = [...new Set(rows.map(({ label }) => label))].sort();
    if (labels.length !== 2) {
      throw new Error(`The last column needs two classes. Received: ${labels.slice(0, 4).join(", ")}${labels.length > 4 ? ", …" : ""}.`);
    }
    const scaled = [0, 1].map((j) => {
      const column = rows.map(({ x }) => x[j]);
      const [low, high] = [Math.min(...column), Math.max(...column)];
      return column.map((v) => (high > low ? (2.4 * (v - low)) / (high - low) - 1.2 : 0));
    });
    return {
      X: rows.map((_, i) => [scaled[0][i], scaled[1][i]]),
      y: rows.map(({ label }) => (label === labels[1] ? 1 : -1)),
      labels,
    };
  }

  /** The ends of the line w₁x₁ + w₂x₂ + b = 0 in a square from −edge to edge; null if it misses it. */
  function lineEnds([w1, w2], b, edge) {
    const ends = [];
    const take = (x, y) => {
      const inside = Math.max(Math.abs(x), Math.abs(y)) <= edge * (1 + 1e-9);
      if (inside && !ends.some(([u, v]) => Math.hypot(u - x, v - y) < 1e-9)) ends.push([x, y]);
    };
    for (const at of [-edge, edge]) {
      if (w2 !== 0) take(at, -(b + w1 * at) / w2);
      if (w1 !== 0) take(-(b + w2 * at) / w1, at);
    }
    return ends.length < 2 ? null : ends.slice(0, 2);
  }

  /** Where a grid of numbers crosses 0: segments ((x, y), (x, y)) in units of its cells. */
  function zeroLines(rows) {
    const segments = [];
    const between = (a, b, p, q) => {
      const share = a / (a - b);
      return [p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])];
    };
    for (let i = 0; i + 1 < rows.length; i++) {
      for (let j = 0; j + 1 < rows[i].length; j++) {
        const corners = [[j, i], [j + 1, i], [j + 1, i + 1], [j, i + 1]];
        const values = corners.map(([x, y]) => rows[y][x]);
        const crossings = [];
        for (let k = 0; k < 4; k++) {
          const [a, b] = [values[k], values[(k + 1) % 4]];
          if (a > 0 !== b > 0) crossings.push(between(a, b, corners[k], corners[(k + 1) % 4]));
        }
        for (let k = 0; k + 1 < crossings.length; k += 2) segments.push([crossings[k], crossings[k + 1]]);
      }
    }
    return segments;
  }

  return {
    ACTIVATIONS, LOSSES, sign, sigmoid, weighted, perceptronStep, mistakeBound, widestMargin, forward, gradients,
    networkStep, replay, randoms, initialLayers, shuffled, data, readCsv, lineEnds, zeroLines,
  };
})();

if (typeof module !== "undefined") module.exports = playground;
