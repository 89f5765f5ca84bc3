// The arithmetic of an unrolled network: its states, its belief after each step, its gradients.
// The tests hold it against chapters/recurrence/scratch.py and text.py.

const reader = (() => {
  const { fromFloat16, softmax } = typeof module === "undefined" ? arithmetic : require("../assets/arithmetic.js");

  /** A reader's weights, unpacked: rows of U, W and V, and the biases b and c. */
  function unpacked({ inputs, units, classes, ...kept }) {
    const rows = (name, columns) => {
      const numbers = fromFloat16(kept[name]);
      return Array.from({ length: numbers.length / columns }, (_, i) => numbers.subarray(i * columns, (i + 1) * columns));
    };
    const all = { U: rows("U", inputs), W: rows("W", units), V: rows("V", units), b: fromFloat16(kept.b), c: fromFloat16(kept.c) };
    return kept.embedding ? { ...all, embedding: rows("embedding", inputs) } : all;
  }

  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  /** Mᵀv, of the rows of M. */
  const turned = (rows, v) => Array.from(rows[0], (_, j) => rows.reduce((sum, row, i) => sum + row[j] * v[i], 0));

  /** h = tanh(b + W·h + U·x) and softmax(c + V·h) at every step. */
  function read({ U, W, b, V, c }, steps) {
    let h = new Array(b.length).fill(0);
    return steps.map((x) => {
      h = Array.from(b, (bias, k) => Math.tanh(bias + dot(W[k], h) + dot(U[k], x)));
      return { h, belief: softmax(Array.from(c, (bias, k) => bias + dot(V[k], h))) };
    });
  }

  /**
   * What moves the belief in a class after step `at`: the gradient of ln p by every state and every
   * input up to there (backpropagation through time).
   */
  function gradients({ U, W, V }, read, at, chosen) {
    const error = read[at].belief.map((p, k) => (k === chosen ? 1 : 0) - p);
    let toState = turned(V, error);
    const found = [];
    for (let t = at; t >= 0; t--) {
      const inside = toState.map((value, k) => value * (1 - read[t].h[k] ** 2));
      found[t] = { state: toState, input: turned(U, inside) };
      toState = turned(W, inside);
    }
    return found;
  }

  const length = (v) => Math.sqrt(dot(v, v));

  /** The words of a text in small letters; ! and ? count as words. */
  const words = (text) => text.toLowerCase().replaceAll("’", "'").match(/[a-z0-9]+(?:'[a-z]+)?|[!?]/g) ?? [];

  /** The number of each word: 0 is padding, 1 what is not known, 2 the commonest. */
  function numbers(text, vocabulary) {
    return words(text).map((word) => vocabulary.get(word) ?? 1);
  }
  const vocabulary = (list) => new Map(list.split(" ").map((word, i) => [word, i + 2]));

  /** Sixty-four shades from 0 to 1, of an image with one sign for each pixel. */
  const shades = (image) => [...image].map((sign) => parseInt(sign, 17) / 16);

  return { unpacked, read, gradients, length, words, numbers, vocabulary, shades };
})();

if (typeof module !== "undefined") module.exports = reader;
