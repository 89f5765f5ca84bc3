// The arithmetic of the tower: which arrays a stage of fine-tuning moves, and the lecture's matrix.
// The tests hold it against chapters/transfer/scratch.py.

const floors = (() => {
  const convolution = (name, size, channels, filters) =>
    ({ name, learned: { kernel: size * size * channels * filters }, counted: {} });
  const normalization = (name, maps) =>
    ({ name, learned: { "γ": maps, "β": maps }, counted: { "moving mean": maps, "moving variance": maps } });
  const dense = (name, inputs, units) =>
    ({ name, learned: { kernel: inputs * units, bias: units }, counted: {} });

  /** The layers from the input up, the head last. */
  const TOWER = [
    convolution("conv1", 3, 1, 16), normalization("norm1", 16),
    convolution("conv2", 3, 16, 32), normalization("norm2", 32),
    convolution("conv3", 3, 32, 64), normalization("norm3", 64),
    dense("head", 256, 5),
  ];

  /** How many of the lowest layers are locked by the strategy; normalization is locked as well. */
  function locked(strategy, stage = 2, firstOpen = "conv3") {
    if (stage === 1 || strategy === "head") return TOWER.length - 1;
    return strategy === "all" ? 0 : TOWER.findIndex(({ name }) => name === firstOpen);
  }

  /** Whether a floor is open; one with moving averages never is. */
  const isOpen = (index, ...how) => index >= locked(...how) && Object.keys(TOWER[index].counted).length === 0;

  /** The arrays that a stage moves, with how many numbers each holds. */
  function movingArrays(strategy, stage = 2, firstOpen = "conv3") {
    const open = TOWER.filter((_, index) => isOpen(index, strategy, stage, firstOpen));
    return Object.fromEntries(open.flatMap(({ name, learned }) =>
      Object.entries(learned).map(([array, size]) => [`${name} ${array}`, size])));
  }

  const MATRIX = {
    "little similar": ["head", "Finetune linear classifier on top layer"],
    "little different": ["head", "You're in trouble... Try data augmentation / collect more data"],
    "large similar": ["some", "Finetune a few layers"],
    "large different": ["all", "Finetune a larger number of layers"],
  };

  /** The strategy to begin with, and the slide's words. */
  const recommend = (data, similarity) => MATRIX[`${data} ${similarity}`];

  return { TOWER, isOpen, movingArrays, recommend };
})();

if (typeof module !== "undefined") module.exports = floors;
