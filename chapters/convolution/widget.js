// Step through a convolution: one window, one sum, one number, predicted before it is shown.

book.figure("convolution", (place) => {
  const { make, written } = frame;

  // Intro to ML, chapter 12, and Intro to Deep Learning slide this kernel over this image.
  let state = {
    images: [[[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]],
    kernels: [[[1, 0, 1], [0, 1, 0], [1, 0, 1]]],
    padding: 0,
    stride: 1,
    dilation: 1,
    at: 0, // the place of the window, counted along the rows of the map
    known: 0, // so many numbers of the map have been shown
  };

  const news = frame.news();
  const sum = make("p", { className: "figure-sum" });
  const parts = make("div", { className: "figure-row" });
  let grids = {};

  /** Take a change if the figure can show it; otherwise throw, and keep what is there. */
  const change = (changed) => {
    const next = { ...state, at: 0, known: 0, ...changed };
    arithmetic.mapShape(next.images, next.kernels, next);
    state = next;
  };
  const edit = (changed) => {
    change(changed);
    show();
  };
  /** Like `edit`, where the grids themselves change their size. */
  const rebuild = (changed) => {
    change(changed);
    build();
  };
  const resized = (rows, side) =>
    Array.from({ length: side }, (_, i) => Array.from({ length: side }, (_, j) => rows[i]?.[j] ?? 0));
  const fitted = (all, side) => all.map((rows) => resized(rows, side));
  /** So many channels: a new one is the first one mirrored, with a kernel that takes its middle away. */
  const withChannels = (count) => {
    const { images: [image, ...images], kernels: [kernel, ...kernels] } = state;
    const middle = Math.floor(kernel.length / 2);
    return {
      images: Array.from({ length: count }, (_, c) => (c ? images[c - 1] ?? image.map((line) => [...line].reverse()) : image)),
      kernels: Array.from({ length: count }, (_, c) =>
        (c ? kernels[c - 1] ?? kernel.map((line, m) => line.map((_, n) => (m === middle && n === middle ? -1 : 0))) : kernel)),
    };
  };
  const side = (name, largest) => (text) => {
    const value = frame.whole(1, name)(text);
    if (value > largest) throw new Error(`${name} is at most ${largest} here. Received: ${value}.`);
    return value;
  };

  const fields = [
    { label: "Image side", value: 5, read: side("The image's side", 9),
      take: (value) => rebuild({ images: fitted(state.images, value) }) },
    { label: "Kernel side", value: 3, read: side("The kernel's side", 9),
      take: (value) => rebuild({ kernels: fitted(state.kernels, value) }) },
    { label: "Padding", value: 0,
      read: (text) => {
        const value = frame.whole(0, "The padding")(text);
        if (value > 3) throw new Error(`The padding is at most 3 here. Received: ${value}.`);
        return value;
      },
      take: (value) => rebuild({ padding: value }) },
    { label: "Stride", value: 1, read: frame.number, take: (value) => edit({ stride: value }) },
    { label: "Dilation", value: 1, read: frame.number, take: (value) => edit({ dilation: value }) },
    { label: "Channels", value: 1, read: side("The number of channels", 3), take: (value) => rebuild(withChannels(value)) },
  ].map(frame.field);

  const guess = frame.field({
    label: "Your prediction", value: "", read: frame.number, take: () => {},
    properties: { inputMode: "decimal" },
  });

  const shape = () => arithmetic.mapShape(state.images, state.kernels, state);
  const where = () => {
    const columns = shape()[1];
    return [Math.floor(state.at / columns), state.at % columns];
  };

  /** Show the number of this place; say how the prediction did, if there is one. */
  function reveal() {
    const [i, j] = where();
    const answer = arithmetic.featureMap(state.images, state.kernels, state)[i][j];
    let verdict = "";
    if (guess.input.value.trim() !== "") {
      try {
        const right = Math.abs(frame.number(guess.input.value) - answer) <= 1e-6 * Math.max(1, Math.abs(answer));
        verdict = right ? "Your prediction is right: " : `Not ${guess.input.value.trim()}: `;
      } catch (error) {
        guess.complain(error.message);
        return;
      }
    }
    state.known = Math.max(state.known, state.at + 1);
    show();
    news.say(`${verdict}S(${i}, ${j}) = ${written(answer)}.`);
  }

  function step(by) {
    const [rows, columns] = shape();
    const at = state.at + by;
    if (at < 0 || at >= rows * columns) {
      news.say(by < 0 ? "This is the first place."
        : state.known > state.at ? "That was the last place: the map is complete."
        : "This is the last place: reveal its number, and the map is complete.");
      return;
    }
    if (by > 0) state.known = Math.max(state.known, at);
    state.at = at;
    guess.input.value = "";
    guess.complain("");
    show();
    const [i, j] = where();
    news.say(`The window stands at row ${i}, column ${j} of the map. What will S(${i}, ${j}) be?`);
  }

  function build() {
    const several = state.images.length > 1;
    const named = (name, c) => (several ? `${name}, channel ${c + 1}` : name);
    const replaced = (all, c, rows) => all.map((one, other) => (other === c ? rows : one));
    grids = {
      images: state.images.map((rows, c) => frame.numberGrid({
        label: named("Image", c), rows, frameOf: state.padding, take: (image) => edit({ images: replaced(state.images, c, image) }),
      })),
      kernels: state.kernels.map((rows, c) => frame.numberGrid({
        label: named("Kernel", c), rows, take: (kernel) => edit({ kernels: replaced(state.kernels, c, kernel) }),
      })),
      map: make("div", { className: "figure-part" }),
    };
    parts.replaceChildren(
      ...grids.images.map((image, c) => make("div", { className: "figure-row" }, image.element, grids.kernels[c].element)), grids.map);
    show();
  }

  function show() {
    const { images, kernels, padding } = state;
    const [i, j] = where();
    const terms = arithmetic.terms(images, kernels, state, i, j);
    const covered = new Set(terms.map(({ row, column }) => `${row + padding},${column + padding}`));
    for (const image of grids.images) {
      [...image.drawn.rows].forEach((line, row) =>
        [...line.cells].forEach((cell, column) => cell.classList.toggle("on", covered.has(`${row},${column}`))),
      );
    }
    const map = arithmetic.featureMap(images, kernels, state);
    const columns = map[0].length;
    const drawn = frame.table(
      `Feature map, ${map.length}×${columns}`,
      map.map((line, row) =>
        line.map((value, column) => (row * columns + column < state.known ? written(value) : "?")),
      ),
    );
    drawn.rows[i].cells[j].classList.add("on");
    grids.map.replaceChildren(drawn);
    const products = terms.map(({ pixel, weight }) => `${written(pixel)}·${weight < 0 ? `(${written(weight)})` : written(weight)}`);
    const shown = state.at < state.known ? written(map[i][j]) : "?";
    sum.textContent = `S(${i}, ${j}) = ${products.join(" + ")} = ${shown}`;
  }

  const controls = make("div", { className: "figure-row" },
    guess.element,
    frame.button("Reveal", reveal),
    frame.button("Back", () => step(-1)),
    frame.button("Next place", () => step(1)),
  );
  guess.input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") reveal();
  });
  const stage = make("div", {
    className: "figure-stage", tabIndex: 0, role: "group",
    "aria-label": "The window. Right arrow: next place. Left arrow: back. Space: reveal the number.",
  }, sum);
  stage.addEventListener("keydown", (event) => {
    const action = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), " ": reveal }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });

  place.append(
    make("p", { className: "figure-title" }, "Step through a convolution"),
    make("div", { className: "figure-row" }, ...fields.map((field) => make("div", {}, field.element, field.problem))),
    parts, stage, controls, guess.problem, news.element,
  );
  build();
  news.say("Add up the products, predict the sum, and reveal it.");
});
