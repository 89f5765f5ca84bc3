// The arithmetic of the optimizers' figure: maps of heights, and walkers on them.
// The tests hold every walk against chapters/optimizers/scratch.py, step by step.

const walks = (() => {
  const WALLS = 5;

  /** Height and slopes at [w1, w2]; where a walk begins, what is lowest, and what a map shows. */
  const SURFACES = {
    bowl: {
      height: ([x, y]) => 0.5 * (x * x + 20 * y * y),
      gradient: ([x, y]) => [x, 20 * y],
      start: [-4, 1], minima: [[0, 0]], view: [-5, 5, -2.5, 2.5],
    },
    valley: {
      height: ([x, y]) => (1 - x) ** 2 + WALLS * (y - x * x) ** 2,
      gradient: ([x, y]) => [-2 * (1 - x) - 4 * WALLS * x * (y - x * x), 2 * WALLS * (y - x * x)],
      start: [-1.5, 1.5], minima: [[1, 1]], view: [-2, 2, -0.6, 2.6],
    },
    saddle: {
      height: ([x, y]) => 0.5 * x * x - 0.5 * y * y + 0.25 * y ** 4,
      gradient: ([x, y]) => [x, y ** 3 - y],
      start: [-1.8, 0.01], minima: [[0, -1], [0, 1]], view: [-2.2, 2.2, -1.6, 1.6],
    },
  };

  /** Each rule: a slope and what is remembered of this weight, { s, r, t }, give the change of the weight. */
  const RULES = {
    "gradient descent": (g, memory, { rate }) => -rate * g,
    momentum(g, memory, { rate, alpha }) {
      memory.s = alpha * memory.s + (1 - alpha) * g;
      return -rate * memory.s;
    },
    "Keras's momentum"(g, memory, { rate, alpha }) {
      memory.s = alpha * memory.s - rate * g;
      return memory.s;
    },
    RMSprop(g, memory, { rate, rho, epsilon }) {
      memory.r = rho * memory.r + (1 - rho) * g * g;
      return (-rate * g) / (Math.sqrt(memory.r) + epsilon);
    },
    Adam(g, memory, { rate, alpha, rho, epsilon, correct }) {
      memory.t += 1;
      memory.s = alpha * memory.s + (1 - alpha) * g;
      memory.r = rho * memory.r + (1 - rho) * g * g;
      const s = correct ? memory.s / (1 - alpha ** memory.t) : memory.s;
      const r = correct ? memory.r / (1 - rho ** memory.t) : memory.r;
      return (-rate * s) / (Math.sqrt(r) + epsilon);
    },
  };

  /**
   * The places of a walk, the start first; it ends early where it runs away.
   * `noise[t]` is added to the slopes of step t. Without ε, 0 / 0 where a slope is 0: no step.
   */
  function walk(surface, rule, settings, steps, start, noise = []) {
    const memories = [{ s: 0, r: 0, t: 0 }, { s: 0, r: 0, t: 0 }];
    const places = [start];
    for (let t = 0; t < steps; t++) {
      const here = places[t];
      const slopes = SURFACES[surface].gradient(here).map((slope, i) => slope + (noise[t]?.[i] ?? 0));
      const next = here.map((w, i) => {
        const change = RULES[rule](slopes[i], memories[i], settings);
        return w + (slopes[i] === 0 && Number.isNaN(change) ? 0 : change);
      });
      if (!next.every((w) => Math.abs(w) < 1e6)) break;
      places.push(next);
    }
    return places;
  }

  /** How high a place lies above the lowest of its map. */
  const above = (surface, place) => SURFACES[surface].height(place) - SURFACES[surface].height(SURFACES[surface].minima[0]);

  /** `count` pairs of normal numbers that are the same for the same seed. */
  function normal(seed, count) {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4294967296;
    };
    return Array.from({ length: count }, () => {
      const [size, turn] = [Math.sqrt(-2 * Math.log(uniform())), 2 * Math.PI * uniform()];
      return [size * Math.cos(turn), size * Math.sin(turn)];
    });
  }

  /** Where a map has these heights above its lowest point: for each, lines [[x, y], [x, y]]. */
  function contours(surface, levels, cells = 64) {
    const [left, right, bottom, top] = SURFACES[surface].view;
    const at = (i, j) => [left + ((right - left) * i) / cells, bottom + ((top - bottom) * j) / cells];
    const heights = Array.from({ length: cells + 1 }, (_, i) =>
      Array.from({ length: cells + 1 }, (_, j) => above(surface, at(i, j))),
    );
    return levels.map((level) => {
      const lines = [];
      for (let i = 0; i < cells; i++) {
        for (let j = 0; j < cells; j++) {
          const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
          const cuts = corners.flatMap((corner, k) => {
            const other = corners[(k + 1) % 4];
            const [a, b] = [corner, other].map(([m, n]) => heights[m][n] - level);
            if (a < 0 === b < 0) return [];
            const share = a / (a - b);
            const [from, to] = [at(...corner), at(...other)];
            return [[from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]];
          });
          for (let k = 0; k + 1 < cuts.length; k += 2) lines.push([cuts[k], cuts[k + 1]]);
        }
      }
      return lines;
    });
  }

  return { SURFACES, RULES, walk, above, normal, contours };
})();

if (typeof module !== "undefined") module.exports = walks;
