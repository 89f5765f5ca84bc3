// A kernel playground: nine numbers over a picture of the reader's own.

book.figure("kernels", (place) => {
  const { make, written, short } = frame;
  const SIDE = 160; // pixels of the picture, at most
  const news = frame.news();
  const problem = make("p", { className: "figure-problem", role: "alert" });

  let state = { kernel: picture.KERNELS["edges 3"][0], divisor: 1, view: "size", row: 40, column: 48, times: 0 };
  let original = picture.sample(SIDE);
  let image = original;
  let result = image;

  const canvas = (label, role) => make("canvas", { className: "figure-picture", role, "aria-label": label, ...(role === "application" && { tabIndex: 0 }) });
  const left = canvas("The picture. Touch a pixel, or move with the arrow keys, to see its sum.", "application");
  const right = canvas("The feature map that the kernel makes of the picture", "img");
  const sum = make("p", { className: "figure-sum" });

  function paint(element, { data, width, height }, view) {
    [element.width, element.height] = [width, height];
    const context = element.getContext("2d");
    const pixels = context.createImageData(width, height);
    data.forEach((value, i) => {
      const level = Math.round(255 * view(value));
      pixels.data.set([level, level, level, 255], 4 * i);
    });
    context.putImageData(pixels, 0, 0);
    Object.assign(context, { strokeStyle: "#e69f00", lineWidth: 1 });
    context.strokeRect(state.column - 1.5, state.row - 1.5, 4, 4);
  }

  function show() {
    state.row = Math.min(image.height - 1, Math.max(0, state.row));
    state.column = Math.min(image.width - 1, Math.max(0, state.column));
    result = picture.filtered(image, state.kernel, state.divisor);
    paint(left, image, picture.VIEWS.cut);
    paint(right, result, picture.VIEWS[state.view]);
    showSum();
  }
  function showSum() {
    const { kernel, divisor, row, column } = state;
    const all = picture.terms(image, kernel, divisor, row, column);
    const total = all.reduce((so, { product }) => so + product, 0);
    const products = all.map(({ pixel, weight }) => `${written(pixel, 2)}·${weight < 0 ? `(${written(weight)})` : written(weight)}`).join(" + ");
    sum.textContent = `Row ${row}, column ${column}: ${divisor === 1 ? products : `(${products}) / ${written(divisor)}`} = ${short(Math.abs(total) < 1e-12 ? 0 : total)}`; // what rounding leaves is 0
  }
  /** What the kernel does, in words. */
  function tell(first = "") {
    const weights = state.kernel.flat().reduce((so, weight) => so + weight, 0) / state.divisor;
    const flat = Math.abs(weights) < 1e-9 ? "a smooth patch becomes 0" : Math.abs(weights - 1) < 1e-9 ? "a smooth patch stays as it is" : `a smooth patch becomes ${short(weights)} times as bright`;
    const [low, high] = result.data.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity])
      .map((value) => (Math.abs(value) < 1e-12 ? 0 : value));
    const divided = state.divisor === 1 ? "" : `, divided by ${written(state.divisor)},`;
    news.say(`${first}The weights${divided} add up to ${short(weights)}: ${flat}. The map's numbers lie between ${short(low)} and ${short(high)}.`);
  }
  const change = (changed, first) => {
    state = { ...state, ...changed };
    show();
    tell(first);
  };

  // --- Its nine numbers ---

  const holder = make("div", {});
  function buildGrid() {
    const grid = frame.numberGrid({ label: "Weights", rows: state.kernel, take: (kernel) => change({ kernel }) });
    holder.replaceChildren(grid.element);
  }
  const divisor = frame.field({
    label: "Divide by", value: "1", take: (value) => change({ divisor: value }),
    read: (text) => {
      const value = frame.number(text);
      if (value === 0) throw new Error("Nothing can be divided by 0: take 1 to leave the sum as it is.");
      return value;
    },
  });
  const preset = frame.choice({
    label: "A kernel of the lecture", options: Object.keys(picture.KERNELS).map((name) => [name, name]), value: "edges 3",
    take: (name) => {
      const [kernel, by] = picture.KERNELS[name];
      divisor.input.value = written(by);
      divisor.complain("");
      change({ kernel, divisor: by });
      buildGrid();
    },
  });
  const view = frame.choice({
    label: "Shown", value: "size",
    options: [["cut", "from 0 (black) to 1 (white)"], ["size", "by size: −1 and 1 are white"], ["signed", "grey is 0, black −1, white 1"]],
    take: (value) => change({ view: value }),
  });

  // --- Its picture ---

  const file = make("input", { type: "file", accept: "image/*", className: "figure-file" });
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    problem.textContent = "";
    try {
      const bitmap = await createImageBitmap(chosen);
      const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
      const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
      const context = make("canvas", { width, height }).getContext("2d");
      context.fillStyle = "white"; // behind what is transparent
      context.fillRect(0, 0, width, height);
      context.drawImage(bitmap, 0, 0, width, height);
      const pixels = context.getImageData(0, 0, width, height).data;
      const data = Float64Array.from({ length: width * height }, (_, i) => picture.grey(...pixels.subarray(4 * i, 4 * i + 3)));
      original = { data, width, height };
      image = original;
      change({ times: 0 }, `Your picture, in grey and ${width} by ${height} pixels; it has not left this page. `);
    } catch {
      problem.textContent = `“${chosen.name}” cannot be read as a picture here: choose a PNG, a JPEG or another picture. The last one stays.`;
    }
  });
  const again = frame.button("Take the map as the picture", () => {
    const data = result.data.map(picture.VIEWS[state.view]);
    image = { ...result, data };
    change({ times: state.times + 1 }, `Filtered ${state.times + 1} time${state.times ? "s" : ""}. `);
  });
  const back = frame.button("The picture as it was", () => {
    image = original;
    change({ times: 0 });
  });

  // --- One place ---

  const pick = (row, column) => {
    [state.row, state.column] = [row, column];
    show();
    news.say(`${sum.textContent}.`);
  };
  for (const element of [left, right]) {
    element.addEventListener("click", (event) => {
      const box = element.getBoundingClientRect();
      pick(Math.floor(((event.clientY - box.top) * image.height) / box.height), Math.floor(((event.clientX - box.left) * image.width) / box.width));
    });
  }
  left.addEventListener("keydown", (event) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    pick(state.row + by[0], state.column + by[1]);
  });

  place.append(
    make("p", { className: "figure-title" }, "Nine numbers over your own picture"),
    make("div", { className: "figure-row" }, make("label", { className: "figure-file-label" }, "Your picture (it stays in this page) ", file), back, again),
    problem,
    make("div", { className: "figure-row" }, preset.element, view.element),
    make("div", { className: "figure-row" }, holder, make("div", {}, divisor.element, divisor.problem)),
    make("div", { className: "figure-row" },
      make("div", {}, make("p", { className: "figure-label" }, "The picture"), left),
      make("div", {}, make("p", { className: "figure-label" }, "Its feature map"), right)),
    sum, news.element,
  );
  buildGrid();
  show();
  tell();
});
