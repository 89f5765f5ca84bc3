// The arithmetic of gates held at any value over many steps: three cells of one unit each.
// The tests hold it against Keras, values and gradients.

const reach = (() => {
  // Each cell is given its inputs x, the values of its gates at every step, and two weights: w of
  // the input, u of its own output. Each returns one record a step: the state, the output, and
  // `change`, by how much the state changes with the first input. That is what is left, at step 1,
  // of a gradient of 1 at this step.

  /** C = f·C + i·tanh(w·x + u·h), h = o·tanh(C). */
  function lstm(inputs, { i, f, o }, { w, u }) {
    let [C, h, toC, toH] = [0, 0, 0, 0];
    return inputs.map((x, t) => {
      const candidate = Math.tanh(w * x + u * h);
      toC = f[t] * toC + i[t] * (1 - candidate ** 2) * ((t === 0 ? w : 0) + u * toH);
      C = f[t] * C + i[t] * candidate;
      const squashed = Math.tanh(C);
      h = o[t] * squashed;
      toH = o[t] * (1 - squashed ** 2) * toC;
      return { state: C, output: h, change: toC };
    });
  }

  /** h = z·h + (1 − z)·tanh(w·x + r·u·h). */
  function gru(inputs, { z, r }, { w, u }) {
    let [h, toH] = [0, 0];
    return inputs.map((x, t) => {
      const candidate = Math.tanh(w * x + r[t] * u * h);
      toH = z[t] * toH + (1 - z[t]) * (1 - candidate ** 2) * ((t === 0 ? w : 0) + r[t] * u * toH);
      h = z[t] * h + (1 - z[t]) * candidate;
      return { state: h, output: h, change: toH };
    });
  }

  /** h = tanh(w·x + u·h). */
  function plain(inputs, { w, u }) {
    let [h, toH] = [0, 0];
    return inputs.map((x, t) => {
      h = Math.tanh(w * x + u * h);
      toH = (1 - h ** 2) * ((t === 0 ? w : 0) + u * toH);
      return { state: h, output: h, change: toH };
    });
  }

  /** Numbers from −1 to 1 that look like chance and are the same each time (Park and Miller's). */
  function noise(count) {
    let seed = 1;
    return Array.from({ length: count }, () => {
      seed = (16807 * seed) % 2147483647;
      return (2 * seed) / 2147483647 - 1;
    });
  }

  return { lstm, gru, plain, noise };
})();

if (typeof module !== "undefined") module.exports = reach;
