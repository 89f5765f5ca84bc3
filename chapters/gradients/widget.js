// Stack layers and see how large their numbers are: activations forward, gradients backward.

book.figure("gradients", (place) => {
  const { make } = frame;
  const WIDTH = 400; // of a panel, in its own units
  const LEFT = 46;
  const RIGHT = 92;
  const REACH = 3;
  const BINS = 49;
  const SIZE = { width: 64, examples: 64 };

  const FIRST = { depth: 15, activation: "sigmoid", initialization: "Glorot", normalization: "none", shortcuts: false };
  const CHOICES = {
    activation: { sigmoid: "sigmoid", tanh: "tanh", relu: "ReLU", "leaky relu": "leaky ReLU", linear: "none (linear)" },
    initialization: { Glorot: "Glorot", He: "He", small: "too small (0.01)", large: "too large (√2 · He)" },
    normalization: { none: "none", batch: "over the batch", layer: "over the layer" },
  };
  // What there is to try at once; what is not named is as at the beginning.
  const TRIES = [
    ["Sigmoids", {}, "A sigmoid's slope is ¼ at most, and so is what each layer leaves of the gradient."],
    ["tanh", { activation: "tanh" }, "Slopes near 1 about 0, and Glorot's weights: the numbers keep their order of size."],
    ["ReLU, Glorot", { activation: "relu" }, "ReLU sets half of the sums to 0, and Glorot's weights do not make up for it."],
    ["ReLU, He", { activation: "relu", initialization: "He" }, "He's 2 makes up for that half: neither way do the numbers shrink."],
    ["Too large", { activation: "relu", initialization: "large" }, "√2 times He's weights: each layer makes everything √2 times as large."],
    ["Normalized", { activation: "relu", initialization: "large", normalization: "batch" }, "The same weights, normalized: forward all is well; backward the numbers grow a little with each layer."],
    ["Shortcuts alone", { activation: "relu", initialization: "He", shortcuts: true }, "Nothing vanishes on a shortcut, but each layer adds to what is there: the numbers grow."],
    ["Both", { activation: "relu", initialization: "He", normalization: "batch", shortcuts: true }, "What a layer adds is normalized, so the sum grows slowly: this is how residual networks are built."],
  ];

  const forced = matchMedia("(forced-colors: active)").matches;
  const news = frame.news();
  let state = { ...FIRST };
  let seed = 1;
  let layer = 0;
  let numbers = { activations: [], gradients: [] };

  // --- Drawing ---

  const svg = (tag, attributes = {}, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const text = (words, attributes) => svg("text", { fill: "currentColor", "font-size": 13, ...attributes }, words);

  /** A number as a page writes it: 0.52, 1,200 or 3·10⁻⁹. */
  function written(value) {
    if (!Number.isFinite(value)) return "∞";
    if (value === 0) return "0";
    if (value >= 0.01 && value < 10000) return String(Number(value.toPrecision(2)));
    const [digits, power] = value.toExponential(0).split("e");
    const raised = [...String(Number(power))].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]).join("");
    return `${digits}·10${raised}`;
  }

  const across = (value) => LEFT + ((WIDTH - LEFT - RIGHT) * (value + REACH)) / (2 * REACH);

  /** One panel: a histogram for each layer, the input at the top, and how large its numbers are. */
  function panel(title, name, colour) {
    const drawing = svg("svg", { role: "img", style: "display:block;width:100%;max-width:26rem;height:auto;cursor:pointer" });
    const element = make("div", { style: "flex:1 1 17rem;min-width:0" }, make("p", { className: "figure-label" }, title), drawing);
    let row = 20;
    function draw() {
      const layers = numbers[name];
      row = Math.min(30, Math.max(15, 420 / layers.length));
      const height = row * layers.length + 30;
      drawing.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
      const first = name === "activations" ? 0 : layers.length - 1;
      const last = layers.length - 1 - first;
      drawing.setAttribute("aria-label",
        `${title}, a histogram for each layer. Size ${written(stack.size(layers[first]))} where they begin, ${written(stack.size(layers[last]))} where they end.`);
      const step = (across(REACH) - across(-REACH)) / BINS;
      drawing.replaceChildren(
        ...layers.flatMap((values, l) => {
          const bottom = row * (l + 1);
          const counts = stack.histogram(values, REACH, BINS);
          const most = Math.max(1, ...counts);
          const path = counts.map((count, i) => {
            const up = (bottom - (0.92 * row * count) / most).toFixed(1);
            return `L${(across(-REACH) + i * step).toFixed(1)} ${up}h${step.toFixed(2)}`;
          });
          return [
            svg("rect", { x: 0, y: bottom - row, width: WIDTH, height: row, fill: l === layer ? "var(--figure-on, Highlight)" : "transparent",
              stroke: forced && l === layer ? "Highlight" : "none" }),
            svg("path", { d: `M${across(-REACH)} ${bottom}${path.join("")}L${across(REACH)} ${bottom}Z`,
              fill: forced ? "CanvasText" : colour, stroke: "none" }),
            svg("path", { d: `M${across(-REACH)} ${bottom}H${across(REACH)}`, stroke: "currentColor", "stroke-opacity": 0.3 }),
            text(l ? String(l) : "in", { x: LEFT - 6, y: bottom - 3, "text-anchor": "end" }),
            text(written(stack.size(values)), { x: WIDTH - RIGHT + 8, y: bottom - 3 }),
          ];
        }),
        ...[-REACH, 0, REACH].map((value) =>
          text(frame.written(value), { x: across(value), y: height - 14, "text-anchor": value < 0 ? "start" : value ? "end" : "middle" })),
        text("√mean²", { x: WIDTH - RIGHT + 8, y: height - 14 }),
        text("layer", { x: 6, y: height - 14 }),
      );
    }
    drawing.addEventListener("click", (event) => {
      const box = drawing.getBoundingClientRect();
      const scale = WIDTH / box.width;
      look(Math.floor(((event.clientY - box.top) * scale) / row));
      tell();
    });
    return { element, draw };
  }
  const panels = [
    panel("Activations, forward (downwards)", "activations", "#0072b2"),
    panel("Gradients ∂E/∂a, backward (upwards)", "gradients", "#d55e00"),
  ];

  const draw = () => panels.forEach((one) => one.draw());

  /** Make a layer the one that is spoken of. */
  function look(at) {
    layer = Math.min(state.depth, Math.max(0, at));
    slider.value = layer;
    slider.setAttribute("aria-valuetext", layer ? `layer ${layer}` : "the input");
    draw();
  }

  /** What became of the numbers, in words. */
  function tell(before = "") {
    const up = stack.size(numbers.activations.at(-1));
    const back = stack.size(numbers.gradients[0]);
    const judged = (size) => (size < 0.01 ? "vanish" : size > 100 ? "explode" : "keep their order of size");
    const here = numbers.activations[layer];
    const name = layer ? `Layer ${layer}` : "The input";
    news.say(
      `${before}${before && " "}After ${state.depth} layers activations of size 1 are ${written(up)}; ` +
      `gradients of size 1, sent back, are ${written(back)} at the input: they ${judged(back)}. ` +
      `${name}: activations ${written(stack.size(here))}, ${Math.round(100 * stack.zeros(here))} % of them exactly 0; ` +
      `gradients ${written(stack.size(numbers.gradients[layer]))}.`);
  }

  function changed(before) {
    numbers = stack.run({ ...state, ...SIZE, seed });
    slider.max = state.depth;
    look(Math.min(layer, state.depth));
    tell(before);
  }

  // --- Controls ---

  const depth = make("input", { type: "range", min: 1, max: 30, step: 1, style: "width:9em", "aria-label": "Layers" });
  const depthTold = make("span", { "aria-hidden": "true", style: "display:inline-block;min-width:1.6em" });
  depth.addEventListener("input", () => {
    state.depth = Number(depth.value);
    depthTold.textContent = depth.value;
    changed();
  });
  const slider = make("input", { type: "range", min: 0, step: 1, style: "width:9em", "aria-label": "Layer to look at" });
  slider.addEventListener("input", () => {
    look(Number(slider.value));
    tell();
  });

  const choosers = Object.entries(CHOICES).map(([name, options]) => {
    const label = `${name[0].toUpperCase()}${name.slice(1)}`;
    const choose = make("select", { "aria-label": label, style: "font:inherit;color:inherit;background:var(--md-default-bg-color)" },
      ...Object.entries(options).map(([value, words]) => make("option", { value }, words)));
    choose.addEventListener("change", () => {
      state[name] = choose.value;
      changed();
    });
    return { name, choose, element: make("label", {}, `${label} `, choose) };
  });
  const shortcuts = make("input", { type: "checkbox" });
  shortcuts.addEventListener("change", () => {
    state.shortcuts = shortcuts.checked;
    changed();
  });

  function settle(before) {
    depth.value = state.depth;
    depthTold.textContent = state.depth;
    choosers.forEach(({ name, choose }) => { choose.value = state[name]; });
    shortcuts.checked = state.shortcuts;
    changed(before);
  }
  const tries = TRIES.map(([words, changes, before]) =>
    frame.button(words, () => {
      state = { ...FIRST, ...changes, depth: state.depth };
      settle(before);
    }));

  place.append(
    make("p", { className: "figure-title" }, "Stack layers"),
    make("p", {}, `Layers of ${SIZE.width} units as they are when training begins. ${SIZE.examples} examples go up, and a gradient comes back. ` +
      "A row shows a layer's numbers from −3 to 3, what is beyond at the edges, zeros left out. Touch a row to read it."),
    make("div", { className: "figure-row" }, ...tries),
    make("div", { className: "figure-row" },
      make("span", { style: "white-space:nowrap" }, make("span", { "aria-hidden": "true" }, "Layers "), depth, " ", depthTold),
      ...choosers.map(({ element }) => element),
      make("label", {}, shortcuts, " Shortcuts"),
      frame.button("Other weights", () => {
        seed += 1;
        changed();
      })),
    make("div", { className: "figure-row" }, ...panels.map(({ element }) => element)),
    make("div", { className: "figure-row" },
      make("span", { style: "white-space:nowrap" }, make("span", { "aria-hidden": "true" }, "Look at layer "), slider)),
    news.element,
  );
  settle();
});
