// The arithmetic of the interactive figures: plain numbers in, plain numbers out.
// The tests hold every function against the Python chapters and against Keras.

const arithmetic = (() => {
  // --- Convolution of one image (rows of numbers) with one kernel ---

  /** Number of places along one axis: floor((size + 2·padding − kernel) / stride) + 1. */
  function outputSize(size, kernel, padding, stride) {
    if (!Number.isInteger(stride) || stride < 1) {
      throw new RangeError(`The stride is a whole number from 1: with ${stride} the window would not move.`);
    }
    if (!Number.isInteger(padding) || padding < 0) {
      throw new RangeError(`The padding is a whole number from 0. Received: ${padding}.`);
    }
    if (kernel > size + 2 * padding) {
      throw new RangeError(
        `The kernel reaches over ${kernel} places, but the padded image has only ${size + 2 * padding}. ` +
          "Take a smaller kernel or more padding.",
      );
    }
    return Math.floor((size + 2 * padding - kernel) / stride) + 1;
  }

  /** Rows and columns of the feature map. */
  function mapShape(image, kernel, padding, stride) {
    return [
      outputSize(image.length, kernel.length, padding, stride),
      outputSize(image[0].length, kernel[0].length, padding, stride),
    ];
  }

  /** The products behind S(i, j): which pixel met which weight; a pixel off the image is 0. */
  function terms(image, kernel, padding, stride, i, j) {
    return kernel.flatMap((line, m) =>
      line.map((weight, n) => {
        const [row, column] = [i * stride + m - padding, j * stride + n - padding];
        const inside = row >= 0 && row < image.length && column >= 0 && column < image[0].length;
        const pixel = inside ? image[row][column] : 0;
        return { row, column, inside, m, n, pixel, weight, product: pixel * weight };
      }),
    );
  }

  /** The whole feature map, as rows. */
  function featureMap(image, kernel, padding, stride) {
    const [rows, columns] = mapShape(image, kernel, padding, stride);
    return Array.from({ length: rows }, (_, i) =>
      Array.from({ length: columns }, (_, j) =>
        terms(image, kernel, padding, stride, i, j).reduce((sum, term) => sum + term.product, 0),
      ),
    );
  }

  // --- LeNet-5. Maps are flat arrays with their shape: value (row, column, channel) of a map
  // of width w and c channels stands at (row·w + column)·c + channel, as Keras keeps it. ---

  /** ReLU(bias + Σ window · kernel) at every place; kernels are (size, size, channels, filters). */
  function convolve({ data, width, channels }, kernel, bias, size = 5) {
    const filters = bias.length;
    const places = width - size + 1;
    const out = new Float32Array(places * places * filters);
    for (let row = 0; row < places; row++) {
      for (let column = 0; column < places; column++) {
        const at = (row * places + column) * filters;
        const sums = out.subarray(at, at + filters);
        sums.set(bias);
        for (let m = 0; m < size; m++) {
          for (let n = 0; n < size; n++) {
            for (let c = 0; c < channels; c++) {
              const pixel = data[((row + m) * width + column + n) * channels + c];
              if (pixel === 0) continue;
              const weights = ((m * size + n) * channels + c) * filters;
              for (let f = 0; f < filters; f++) sums[f] += pixel * kernel[weights + f];
            }
          }
        }
        for (let f = 0; f < filters; f++) sums[f] = Math.max(sums[f], 0);
      }
    }
    return { data: out, width: places, channels: filters };
  }

  /** The largest number of each 2×2 patch, channel by channel. */
  function pool({ data, width, channels }) {
    const half = width / 2;
    const out = new Float32Array(half * half * channels);
    for (let row = 0; row < half; row++) {
      for (let column = 0; column < half; column++) {
        for (let c = 0; c < channels; c++) {
          const first = (2 * row * width + 2 * column) * channels + c;
          const below = first + width * channels;
          out[(row * half + column) * channels + c] = Math.max(
            data[first], data[first + channels], data[below], data[below + channels],
          );
        }
      }
    }
    return { data: out, width: half, channels };
  }

  /** bias + input · weights, one number for each unit. */
  function dense(input, weights, bias) {
    const out = Float32Array.from(bias);
    input.forEach((value, i) => {
      for (let unit = 0; unit < out.length; unit++) out[unit] += value * weights[i * out.length + unit];
    });
    return out;
  }

  const relu = (values) => values.map((value) => Math.max(value, 0));

  /** Probabilities that add up to 1; the largest score is taken off first, so that none overflows. */
  function softmax(scores) {
    const largest = Math.max(...scores);
    const powers = Array.from(scores, (score) => Math.exp(score - largest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
  }

  /** LeNet-5 on 28×28 numbers from 0 to 1: what every layer answers, and ten probabilities. */
  function lenet5(weights, image) {
    const input = { data: new Float32Array(32 * 32), width: 32, channels: 1 };
    for (let row = 0; row < 28; row++) {
      input.data.set(image.slice(row * 28, row * 28 + 28), (row + 2) * 32 + 2);
    }
    const C1 = convolve(input, ...weights.C1);
    const S2 = pool(C1);
    const C3 = convolve(S2, ...weights.C3);
    const S4 = pool(C3);
    const C5 = convolve(S4, ...weights.C5);
    const F6 = relu(dense(C5.data, ...weights.F6));
    return { input, C1, S2, C3, S4, C5, F6, output: softmax(dense(F6, ...weights.output)) };
  }

  /** Where a value of a layer looks: [first row, first column, side] on the 32×32 frame. */
  function receptiveField(layer, row, column) {
    const [step, side] = { C1: [1, 5], S2: [2, 6], C3: [2, 14], S4: [4, 16] }[layer];
    return [row * step, column * step, side];
  }

  /** The products behind a value of C1 (25 of them) or C3 (150), before the bias and the ReLU. */
  function lenetTerms(weights, answers, layer, row, column, filter) {
    const below = layer === "C1" ? answers.input : answers.S2;
    const [kernel, bias] = weights[layer];
    const products = [];
    for (let c = 0; c < below.channels; c++) {
      for (let m = 0; m < 5; m++) {
        for (let n = 0; n < 5; n++) {
          const pixel = below.data[((row + m) * below.width + column + n) * below.channels + c];
          const weight = kernel[((m * 5 + n) * below.channels + c) * bias.length + filter];
          products.push({ channel: c, m, n, pixel, weight, product: pixel * weight });
        }
      }
    }
    return { products, bias: bias[filter] };
  }

  /** The numbers in a base64 string of float16, lowest byte first. */
  function fromFloat16(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const numbers = new Float32Array(bytes.length / 2);
    for (let i = 0; i < numbers.length; i++) {
      const half = bytes[2 * i] | (bytes[2 * i + 1] << 8);
      const exponent = (half >> 10) & 31;
      const fraction = half & 1023;
      const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024);
      numbers[i] = half & 0x8000 ? -size : size;
    }
    return numbers;
  }

  /** LeNet-5's weights from one base64 string: kernel, then bias, layer by layer. */
  function lenetWeights(text) {
    const numbers = fromFloat16(text);
    let at = 0;
    const next = (count) => numbers.subarray(at, (at += count));
    const sizes = { C1: [150, 6], C3: [2400, 16], C5: [48000, 120], F6: [10080, 84], output: [840, 10] };
    return Object.fromEntries(
      Object.entries(sizes).map(([layer, [kernel, bias]]) => [layer, [next(kernel), next(bias)]]),
    );
  }

  /**
   * A drawing as MNIST would have it: its ink scaled into 20×20, keeping its proportions, then
   * moved so that its centre of mass stands in the middle of 28×28.
   * `ink` holds side·side numbers from 0 to 1. Returns null where there is no ink.
   */
  function centred(ink, side) {
    let [top, bottom, left, right] = [side, -1, side, -1];
    ink.forEach((value, i) => {
      if (value < 0.05) return;
      const [row, column] = [Math.floor(i / side), i % side];
      [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
      [left, right] = [Math.min(left, column), Math.max(right, column)];
    });
    if (bottom < 0) return null;
    const scale = 20 / Math.max(bottom - top + 1, right - left + 1);
    // Where the centre of mass lies, in pixels of the drawing.
    let [mass, down, across] = [0, 0, 0];
    ink.forEach((value, i) => {
      mass += value;
      down += value * (Math.floor(i / side) + 0.5);
      across += value * ((i % side) + 0.5);
    });
    const [middleRow, middleColumn] = [down / mass, across / mass];
    // Each pixel of the small image is the mean of the patch of the drawing under it.
    const image = new Float32Array(28 * 28);
    const near = (place, middle) => (place - 14) / scale + middle;
    for (let row = 0; row < 28; row++) {
      for (let column = 0; column < 28; column++) {
        image[row * 28 + column] = patchMean(
          ink, side,
          near(row, middleRow), near(row + 1, middleRow),
          near(column, middleColumn), near(column + 1, middleColumn),
        );
      }
    }
    return image;
  }

  /** The mean of `ink` between two rows and two columns, parts of pixels counted in part. */
  function patchMean(ink, side, top, bottom, left, right) {
    let sum = 0;
    for (let row = Math.max(0, Math.floor(top)); row < Math.min(side, bottom); row++) {
      const high = Math.min(row + 1, bottom) - Math.max(row, top);
      for (let column = Math.max(0, Math.floor(left)); column < Math.min(side, right); column++) {
        sum += high * (Math.min(column + 1, right) - Math.max(column, left)) * ink[row * side + column];
      }
    }
    return sum / ((bottom - top) * (right - left));
  }

  // --- One LSTM cell and one plain recurrent unit, each with a single number for its state ---

  const sigmoid = (a) => 1 / (1 + Math.exp(-a));

  /**
   * An LSTM of one unit along a sequence. `weights` has for each of i, f, g (the candidate) and o
   * three numbers: for the input, for the state before, and the bias. `forced[t]` may fix i, f or
   * o at 0 or 1. Returns one record a step, with all that was computed in it.
   */
  function lstm(inputs, weights, forced = []) {
    let [h, c] = [0, 0];
    return inputs.map((x, t) => {
      const before = { h, c };
      const inside = ([w, u, b]) => w * x + u * before.h + b;
      const gate = (name) => forced[t]?.[name] ?? sigmoid(inside(weights[name]));
      const [i, f, o] = ["i", "f", "o"].map(gate);
      const g = Math.tanh(inside(weights.g));
      c = f * before.c + i * g;
      h = o * Math.tanh(c);
      return { x, i, f, o, g, c, h, before, forced: forced[t] ?? {} };
    });
  }

  /** By how much the last cell state changes with each input: ∂c_T/∂x_t, by backpropagation. */
  function lstmGradient(steps, weights) {
    let [toH, toC] = [0, 1];
    const gradients = new Array(steps.length);
    for (let t = steps.length - 1; t >= 0; t--) {
      const { i, f, o, g, c, before, forced } = steps[t];
      const squashed = Math.tanh(c);
      const cell = toC + toH * o * (1 - squashed ** 2);
      // A gate that is forced does not listen: nothing goes back through it.
      const slope = (name, value) => (name in forced ? 0 : value * (1 - value));
      const back = {
        i: cell * g * slope("i", i),
        f: cell * before.c * slope("f", f),
        o: toH * squashed * slope("o", o),
        g: cell * i * (1 - g ** 2),
      };
      const through = (place) =>
        Object.entries(back).reduce((sum, [name, value]) => sum + value * weights[name][place], 0);
      gradients[t] = through(0);
      toH = through(1);
      toC = cell * f;
    }
    return gradients;
  }

  /** A plain recurrent unit, h = tanh(w·x + u·h + b): its states. */
  function rnn(inputs, [w, u, b]) {
    let h = 0;
    return inputs.map((x) => (h = Math.tanh(w * x + u * h + b)));
  }

  /** By how much its last state changes with each input: ∂h_T/∂x_t. */
  function rnnGradient(states, [w, u]) {
    let toH = 1;
    const gradients = new Array(states.length);
    for (let t = states.length - 1; t >= 0; t--) {
      const inside = toH * (1 - states[t] ** 2);
      gradients[t] = inside * w;
      toH = inside * u;
    }
    return gradients;
  }

  return {
    outputSize, mapShape, terms, featureMap,
    lenet5, lenetWeights, lenetTerms, receptiveField, centred,
    lstm, lstmGradient, rnn, rnnGradient,
  };
})();

if (typeof module !== "undefined") module.exports = arithmetic;
