// Send walkers down a map of heights: each with its own rate, its own past, its own stride.

book.figure("optimizers", (place) => {
  const { make, written } = frame;
  const STEPS = 200;
  const WIDTH = 400; // of the map and the chart, in their own units
  const CHART = 220;
  const LOWEST = -6; // of the chart, as a power of ten

  const MAPS = { bowl: "narrow bowl", valley: "bent valley", saddle: "saddle" };
  // Name, rule, first rate, colour (Okabe and Ito), dashes: told apart without colour, too.
  const WALKERS = [
    { name: "Gradient descent", rule: "gradient descent", rate: 0.04, colour: "#0072b2", dash: "" },
    { name: "SGD (noisy slope)", rule: "gradient descent", rate: 0.04, colour: "#56b4e9", dash: "2 3", noisy: true },
    { name: "Momentum, Intro to ML", rule: "momentum", rate: 0.1, colour: "#d55e00", dash: "7 3" },
    { name: "Momentum, Keras", rule: "Keras's momentum", rate: 0.01, colour: "#e69f00", dash: "7 3 2 3" },
    { name: "RMSprop", rule: "RMSprop", rate: 0.02, colour: "#009e73", dash: "1 4" },
    { name: "Adam", rule: "Adam", rate: 0.1, colour: "#cc79a7", dash: "10 4" },
  ];
  const FIRST = { alpha: 0.9, rho: 0.999, epsilon: 1e-7, noise: 1 };

  // What there is to try at once; what is not named is as at the beginning.
  const TRIES = [
    ["Too large a rate", { map: "bowl", on: [0], rates: { 0: 0.102 } },
      "Across the bowl each step leads further away than the last: 0.102 is above 2/20."],
    ["Give it a past", { map: "bowl", on: [0, 2], rates: { 0: 0.087, 2: 0.21 }, alpha: 0.5 },
      "Both have about the rate that suits them best; momentum keeps half of the past."],
    ["On the ridge", { map: "saddle", on: [0, 1, 5], rates: { 0: 0.1, 1: 0.1 }, start: [-1.8, 0], noise: 0.3, steps: 120 },
      "Without noise nobody leaves the ridge, since across it the slope is 0. Noise does it."],
    ["One momentum, two rates", { map: "valley", on: [2, 3], rates: { 2: 0.1, 3: 0.01 } },
      "Keras's rate is the other's times 1 − α: one walk. Now change α."],
    ["No bias correction", { map: "bowl", on: [5], rates: { 5: 0.1 }, correct: false },
      "The first steps are three to six times as long as η. Switch the correction on again."],
  ];

  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const forced = matchMedia("(forced-colors: active)").matches;
  const news = frame.news();
  let state = {};
  let seed = 1;
  let paths = [];
  let timer = 0;

  const reset = (changes = {}) => {
    const map = changes.map ?? "bowl";
    state = {
      ...FIRST, correct: true, map, start: [...walks.SURFACES[map].start], steps: 60, ...changes,
      on: new Set(changes.on ?? [0, 2, 5]),
      rates: WALKERS.map(({ rate }, i) => changes.rates?.[i] ?? rate),
    };
  };

  // --- Drawing ---

  const svg = (tag, attributes = {}, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const stroke = ({ colour, dash }) => ({
    fill: "none", stroke: forced ? "CanvasText" : colour, "stroke-width": 2, "stroke-dasharray": dash,
    "stroke-linejoin": "round",
  });
  const drawing = (label) => svg("svg", {
    role: "img", "aria-label": label, style: "display:block;width:100%;max-width:26rem;height:auto;overflow:hidden",
  });
  const map = drawing("Map of heights");
  map.setAttribute("role", "group");
  map.style.border = "1px solid currentColor";
  const chart = drawing("Height over steps");
  const handle = svg("g", { tabindex: 0, role: "button", style: "cursor:grab;touch-action:none" },
    svg("circle", { r: 22, fill: "transparent" }),
    svg("circle", { r: 8, fill: "none", stroke: "currentColor", "stroke-width": 3 }),
    svg("circle", { r: 2, fill: "currentColor" }));
  const tracks = svg("g");

  const tall = () => {
    const [left, right, bottom, top] = walks.SURFACES[state.map].view;
    return (WIDTH * (top - bottom)) / (right - left);
  };
  const onMap = ([x, y]) => {
    const [left, right, bottom, top] = walks.SURFACES[state.map].view;
    return [(WIDTH * (x - left)) / (right - left), tall() - (tall() * (y - bottom)) / (top - bottom)];
  };
  const digits = (number) => Number(number.toFixed(1));
  const line = (points) => points.map((point, i) => `${i ? "L" : "M"}${point.map(digits).join(" ")}`).join("");
  // A place may lie far off the map; what is drawn stays within reach of the browser's numbers.
  const near = (point) => point.map((value) => Math.max(-9999, Math.min(9999, value)));

  let drawn = "";
  function drawMap() {
    if (drawn === state.map) return;
    drawn = state.map;
    map.setAttribute("viewBox", `0 0 ${WIDTH} ${digits(tall())}`);
    const levels = { bowl: [0.1, 0.5, 1.5, 4, 9, 18, 32, 50], valley: [0.05, 0.2, 0.6, 1.5, 4, 9, 20, 50], saddle: [0.02, 0.08, 0.16, 0.25, 0.4, 0.8, 1.4, 2.2] };
    const rings = walks.contours(state.map, levels[state.map]).map((lines, i) =>
      svg("path", { d: lines.map((ends) => line(ends.map(onMap))).join(""), fill: "none", stroke: "currentColor",
        "stroke-opacity": 0.65 - 0.06 * i, "stroke-width": 1 }));
    const lowest = walks.SURFACES[state.map].minima.map((minimum) => {
      const [x, y] = onMap(minimum);
      return svg("path", { d: `M${x - 5} ${y - 5}l10 10m-10 0l10-10`, stroke: "currentColor", "stroke-width": 2 });
    });
    map.replaceChildren(...rings, ...lowest, tracks, handle);
  }

  /** The steps of a walker that are shown; fewer where it has run away. */
  const shown = (i) => paths[i].slice(0, state.steps + 1);
  const power = (place) => Math.max(LOWEST, Math.min(3, Math.log10(Math.max(walks.above(state.map, place), 1e-12))));

  function draw() {
    drawMap();
    const [x, y] = onMap(state.start);
    handle.setAttribute("transform", `translate(${digits(x)} ${digits(y)})`);
    const start = state.start.map((w) => written(Number(w.toFixed(2)))).join(", ");
    handle.setAttribute("aria-label", `Start at ${start}. Arrow keys move it.`);
    const walkers = [...state.on].sort();
    tracks.replaceChildren(...walkers.flatMap((i) => {
      const points = shown(i).map((point) => near(onMap(point)));
      const [endX, endY] = points.at(-1);
      const style = stroke(WALKERS[i]);
      return [
        svg("path", { ...style, d: line(points) }),
        svg("path", { d: points.map(([a, b]) => `M${digits(a)} ${digits(b)}h0`).join(""), fill: "none",
          stroke: style.stroke, "stroke-width": 4, "stroke-linecap": "round" }),
        svg("circle", { cx: digits(endX), cy: digits(endY), r: 5, fill: style.stroke, stroke: "currentColor" }),
      ];
    }));
    const across = (t) => 44 + ((WIDTH - 62) * t) / STEPS;
    const up = (exponent) => 12 + ((CHART - 50) * (3 - exponent)) / (3 - LOWEST);
    const text = (words, attributes) => svg("text", { fill: "currentColor", "font-size": 13, ...attributes }, words);
    chart.setAttribute("viewBox", `0 0 ${WIDTH} ${CHART}`);
    chart.replaceChildren(
      svg("path", { d: `M44 8V${up(LOWEST)}H${WIDTH - 8}`, fill: "none", stroke: "currentColor" }),
      ...[3, 0, -3, -6].map((exponent) =>
        text({ 3: "1000", 0: "1", [-3]: "0.001", [-6]: "10⁻⁶" }[exponent], { x: 40, y: up(exponent) + 4, "text-anchor": "end" })),
      ...[0, 50, 100, 150, 200].map((t) => text(String(t), { x: across(t), y: CHART - 22, "text-anchor": "middle" })),
      text("step; upwards: height above the lowest point", { x: 44, y: CHART - 4 }),
      svg("path", { d: `M${across(state.steps)} 8V${up(LOWEST)}`, stroke: "currentColor", "stroke-opacity": 0.5 }),
      ...walkers.map((i) => svg("path", { ...stroke(WALKERS[i]), d: line(shown(i).map((point, t) => [across(t), up(power(point))])) })),
    );
    stepsTold.textContent = state.steps;
  }

  function walkAll() {
    const noise = walks.normal(seed, STEPS).map((pair) => pair.map((value) => value * state.noise));
    paths = WALKERS.map(({ rule, noisy }, i) =>
      walks.walk(state.map, rule, { ...state, rate: state.rates[i] }, STEPS, state.start, noisy ? noise : []));
    draw();
  }

  /** Where the walkers are, in words. */
  function tell(before = "") {
    const words = [...state.on].sort().map((i) => {
      const path = shown(i);
      if (path.length <= state.steps) return `${WALKERS[i].name}: ran away after ${path.length - 1} steps`;
      const height = walks.above(state.map, path.at(-1));
      return `${WALKERS[i].name}: ${height < 1e-6 ? "at the bottom" : written(height, 2)}`;
    });
    news.say(`${before}${before && " "}Height after ${state.steps} steps. ${words.join("; ") || "Nobody walks"}.`);
  }

  const changed = (before) => {
    stop();
    walkAll();
    tell(before);
  };

  // --- The start: drag it, or tap the map, or use the arrow keys ---

  const moveTo = (event) => {
    const box = map.getBoundingClientRect();
    const [left, right, bottom, top] = walks.SURFACES[state.map].view;
    const within = (share) => Math.min(1, Math.max(0, share));
    state.start = [
      left + (right - left) * within((event.clientX - box.left) / box.width),
      top - (top - bottom) * within((event.clientY - box.top) / box.height),
    ];
    stop();
    walkAll();
  };
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    event.preventDefault();
    handle.focus();
  });
  handle.addEventListener("pointermove", (event) => {
    if (handle.hasPointerCapture(event.pointerId)) moveTo(event);
  });
  handle.addEventListener("pointerup", () => tell());
  map.addEventListener("click", (event) => {
    if (handle.contains(event.target)) return;
    moveTo(event);
    tell();
  });
  handle.addEventListener("keydown", (event) => {
    const by = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!by) return;
    event.preventDefault();
    const [left, right, bottom, top] = walks.SURFACES[state.map].view;
    const far = event.shiftKey ? 0.01 : 0.1;
    state.start = [
      Math.min(right, Math.max(left, state.start[0] + by[0] * far)),
      Math.min(top, Math.max(bottom, state.start[1] + by[1] * far)),
    ];
    changed();
  });

  // --- Time ---

  const stepsTold = make("span", {}, "");
  const time = make("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": "Steps shown" });
  time.addEventListener("input", () => {
    stop();
    state.steps = Number(time.value);
    draw();
  });
  time.addEventListener("change", () => tell());
  const go = (steps) => {
    state.steps = Math.min(STEPS, Math.max(0, steps));
    time.value = state.steps;
    draw();
  };
  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Walk";
  }
  const play = frame.button("Walk", () => {
    if (timer) {
      stop();
      tell();
      return;
    }
    if (still) {
      go(STEPS);
      tell();
      return;
    }
    if (state.steps >= STEPS) go(0);
    play.textContent = "Stop";
    timer = setInterval(() => {
      if (!place.isConnected) clearInterval(timer);
      else if (state.steps >= STEPS) {
        stop();
        tell();
      } else go(state.steps + 1);
    }, 60);
  });
  const one = (by) => () => {
    stop();
    go(state.steps + by);
    tell();
  };

  // --- Numbers: every slider has a power scale of its own, and says its number ---

  const sliders = [];
  const short = (value) => Number(value.toPrecision(3));
  /** A slider whose places 0 to 1 `from` turns into a value of few digits and `to` turns back. */
  function slider(label, get, set, from, to, hidden = false) {
    const told = make("span", { style: "display:inline-block;min-width:4.5em" });
    const input = make("input", { type: "range", min: 0, max: 1, step: 0.005, style: "width:min(9em, 26vw)", "aria-label": label });
    const show = () => {
      const value = get();
      input.value = to(value);
      told.textContent = written(value);
      input.setAttribute("aria-valuetext", told.textContent);
    };
    input.addEventListener("input", () => {
      set(from(Number(input.value)));
      told.textContent = written(get());
      input.setAttribute("aria-valuetext", told.textContent);
      stop();
      walkAll();
    });
    input.addEventListener("change", () => tell());
    sliders.push(show);
    const name = make("span", { "aria-hidden": "true" }, hidden ? "η " : `${label} `);
    return make("span", { style: "white-space:nowrap" }, name, input, " ", told);
  }
  const powers = (low, high) => [
    (share) => short(low * (high / low) ** share),
    (value) => Math.log(value / low) / Math.log(high / low),
  ];
  const setting = (label, name, from, to) =>
    slider(label, () => state[name], (value) => { state[name] = value; }, from, to);

  function checkbox(words, get, set) {
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", () => {
      set(box.checked);
      changed();
    });
    sliders.push(() => { box.checked = get(); });
    return make("label", {}, box, " ", ...words);
  }
  const rows = WALKERS.map((walker, i) => {
    const sample = svg("svg", { width: 34, height: 10, "aria-hidden": "true" }, svg("path", { ...stroke(walker), d: "M0 5H34" }));
    const name = checkbox([sample, ` ${walker.name}`], () => state.on.has(i), (on) => state.on[on ? "add" : "delete"](i));
    name.style.minWidth = "15em";
    const rate = slider(`Rate of ${walker.name}`, () => state.rates[i], (value) => { state.rates[i] = value; }, ...powers(0.001, 1), true);
    return make("div", { className: "figure-row", style: "row-gap:0;margin-bottom:0.5em" }, name, rate);
  });

  const choose = make("select", { style: "font:inherit;color:inherit;background:var(--md-default-bg-color)" },
    ...Object.entries(MAPS).map(([value, words]) => make("option", { value }, words)));
  choose.addEventListener("change", () => {
    state.map = choose.value;
    state.start = [...walks.SURFACES[state.map].start];
    changed();
  });

  const settle = (before) => {
    choose.value = state.map;
    time.value = state.steps;
    sliders.forEach((show) => show());
    changed(before);
  };
  const tries = TRIES.map(([words, changes, before]) =>
    frame.button(words, () => {
      reset(changes);
      settle(before);
    }));

  place.append(
    make("p", { className: "figure-title" }, "Send walkers down"),
    make("p", {}, "Drag the ring: it is where they start. Crosses mark the lowest points, lines join places of one height."),
    make("div", { className: "figure-row" }, ...tries,
      frame.button("From the beginning", () => {
        reset();
        settle();
      })),
    make("div", { className: "figure-row" }, make("label", {}, "Map ", choose),
      frame.button("Another noise", () => {
        seed += 1;
        changed();
      })),
    make("div", { className: "figure-row" },
      make("div", { style: "flex:1 1 17rem;min-width:0" }, map),
      make("div", { style: "flex:1 1 17rem;min-width:0" }, chart)),
    make("div", { className: "figure-row" }, play, frame.button("One step", one(1)), frame.button("One back", one(-1)),
      make("span", {}, time, " ", stepsTold, " steps")),
    ...rows,
    make("div", { className: "figure-row" },
      setting("α, kept of the slope", "alpha", (share) => short(0.99 * share), (value) => value / 0.99),
      setting("ρ, kept of its square", "rho", (share) => 1 - Number((0.5 * 0.0002 ** share).toPrecision(2)), (value) => Math.log((1 - value) / 0.5) / Math.log(0.0002)),
      setting("ε", "epsilon", ...powers(1e-8, 1)),
      setting("Noise of SGD", "noise", (share) => short(4 * share), (value) => value / 4),
      checkbox(["Adam corrects its averages for their start"], () => state.correct, (on) => { state.correct = on; })),
    news.element,
  );
  reset();
  settle();
});
