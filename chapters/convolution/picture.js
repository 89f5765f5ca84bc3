// The arithmetic of the kernel playground: one kernel over a grey picture, kept in its size.
// The tests hold it against chapters/convolution/scratch.py.

const picture = (() => {
  // The kernels of Intro to ML, chapter 12, and what their sums are divided by.
  const KERNELS = {
    identity: [[[0, 0, 0], [0, 1, 0], [0, 0, 0]], 1],
    "edges 1": [[[1, 0, -1], [0, 0, 0], [-1, 0, 1]], 1],
    "edges 2": [[[0, 1, 0], [1, -4, 1], [0, 1, 0]], 1],
    "edges 3": [[[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], 1],
    sharpen: [[[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 1],
    "box blur": [[[1, 1, 1], [1, 1, 1], [1, 1, 1]], 9],
    "Gaussian blur": [[[1, 2, 1], [2, 4, 2], [1, 2, 1]], 16],
  };

  /** The products behind one place: which pixel met which weight; a pixel off the picture is 0. */
  function terms({ data, width, height }, kernel, divisor, row, column) {
    const middle = (kernel.length - 1) / 2;
    return kernel.flatMap((line, m) => line.map((weight, n) => {
      const [i, j] = [row + m - middle, column + n - middle];
      const pixel = i >= 0 && i < height && j >= 0 && j < width ? data[i * width + j] : 0;
      return { pixel, weight, product: (pixel * weight) / divisor };
    }));
  }

  /** The picture's cross-correlation with a kernel of odd sides, with zeros around it. */
  function filtered({ data, width, height }, kernel, divisor) {
    const middle = (kernel.length - 1) / 2;
    const out = new Float64Array(data.length);
    kernel.forEach((line, m) => line.forEach((weight, n) => {
      if (weight === 0) return;
      const [down, across] = [m - middle, n - middle];
      for (let i = Math.max(0, -down); i < Math.min(height, height - down); i++) {
        for (let j = Math.max(0, -across); j < Math.min(width, width - across); j++) {
          out[i * width + j] += (weight * data[(i + down) * width + j + across]) / divisor;
        }
      }
    }));
    return { data: out, width, height };
  }

  // How numbers become greys from 0 to 1.
  const VIEWS = {
    cut: (value) => Math.min(1, Math.max(0, value)),
    size: (value) => Math.min(1, Math.abs(value)),
    signed: (value) => Math.min(1, Math.max(0, 0.5 + value / 2)),
  };

  /** The lightness of red, green and blue from 0 to 255 as a grey from 0 to 1 (ITU-R BT.601). */
  const grey = (red, green, blue) => (0.299 * red + 0.587 * green + 0.114 * blue) / 255;

  /** A picture for who brings none: a disc, a slope, stripes and squares. */
  function sample(side) {
    const data = Float64Array.from({ length: side * side }, (_, place) => {
      const [y, x] = [Math.floor(place / side) / side, (place % side) / side];
      if ((x - 0.3) ** 2 + (y - 0.3) ** 2 < 0.04) return 0.95;
      if (x > 0.6 && y < 0.5) return Math.floor(x * 32) % 2 ? 0.8 : 0.25;
      if (y > 0.6 && x < 0.5) return Math.abs(x - 0.25) < 0.12 && Math.abs(y - 0.8) < 0.12 ? 0.1 : 0.7;
      if (y > 0.55 && x > 0.55) return (x + y - 1.1) / 0.9;
      return 0.45;
    });
    return { data, width: side, height: side };
  }

  return { KERNELS, VIEWS, terms, filtered, grey, sample };
})();

if (typeof module !== "undefined") module.exports = picture;
