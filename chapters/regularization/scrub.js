// The arithmetic of the films of training: when to stop, and what is misread.
// The tests hold it against chapters/regularization/scratch.py and film.py.

const scrub = (() => {
  /** The epoch at which training stops, and the one whose weights are kept; both count from 1. */
  function earlyStopping(losses, patience) {
    let best = 1;
    for (let epoch = 1; epoch <= losses.length; epoch++) {
      if (losses[epoch - 1] < losses[best - 1]) best = epoch;
      else if (epoch - best >= patience) return { epoch, best };
    }
    return { epoch: losses.length, best };
  }

  /** The numbers of the digits in which something else is read; both strings have a sign for each. */
  const misread = (said, labels) => [...labels].flatMap((label, i) => (said[i] === label ? [] : [i]));

  /** Sixty-four shades from 0 to 1, of an image with one sign for each pixel. */
  const shades = (image) => [...image].map((sign) => parseInt(sign, 17) / 16);

  return { earlyStopping, misread, shades };
})();

if (typeof module !== "undefined") module.exports = scrub;
