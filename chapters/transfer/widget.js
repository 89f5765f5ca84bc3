// A tower whose floors are locked or open: what each stage of fine-tuning moves.

book.figure("transfer", (place) => {
  const { make } = frame;
  const WIDTH = 360; // of the drawing, in its own units
  const FLOOR = 46;
  const ROOF = 14;

  const STRATEGIES = { head: "head: the base stays frozen", some: "some: a few layers and the head", all: "all: the whole network" };
  const OPENINGS = ["conv2", "conv3"];
  const FIRST = { data: "little", similarity: "similar", strategy: "head", stage: 1, firstOpen: "conv3" };

  const forced = matchMedia("(forced-colors: active)").matches;
  const news = frame.news();
  let state = { ...FIRST };
  let floor = floors.TOWER.length - 1;

  // --- Drawing ---

  const svg = (tag, attributes = {}, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const text = (words, attributes) => svg("text", { fill: "currentColor", "font-size": 14, ...attributes }, words);
  const count = (value) => value.toLocaleString("en");
  const isOpen = (index) => floors.isOpen(index, state.strategy, state.stage, state.firstOpen);

  /** A padlock, its shackle lifted where the floor is open. */
  function padlock(x, y, open) {
    const lift = open ? -4 : 0;
    return svg("g", { fill: "none", stroke: "currentColor", "stroke-width": 2, "aria-hidden": "true" },
      svg("rect", { x, y, width: 16, height: 12, rx: 2, fill: open ? "none" : "currentColor" }),
      svg("path", { d: `M${x + 3} ${y}v${-4 + lift}a5 5 0 0 1 10 0${open ? "v2" : `v${4 - lift}`}` }));
  }

  const drawing = svg("svg", {
    role: "img", viewBox: `0 0 ${WIDTH} ${FLOOR * floors.TOWER.length + ROOF + 24}`,
    style: "display:block;width:100%;max-width:26rem;height:auto;cursor:pointer",
  });

  const top = (index) => ROOF + FLOOR * (floors.TOWER.length - 1 - index);

  function draw() {
    const open = floors.TOWER.filter((_, index) => isOpen(index)).map(({ name }) => name);
    drawing.setAttribute("aria-label", `A tower of ${floors.TOWER.length} layers. Open: ${open.join(", ")}. The others are locked.`);
    drawing.replaceChildren(
      ...floors.TOWER.flatMap(({ name, learned }, index) => {
        const opened = isOpen(index);
        const here = index === floor;
        const y = top(index);
        const told = Object.entries(learned).map(([array, size]) => `${array} ${count(size)}`).join(", ");
        const fill = forced ? "Canvas" : opened ? "#0072b2" : "transparent";
        return [
          svg("rect", { x: 4, y: y + 2, width: WIDTH - 8, height: FLOOR - 4, rx: 3, fill, "fill-opacity": 0.28,
            stroke: forced && here ? "Highlight" : "currentColor", "stroke-width": here ? 3 : 1,
            "stroke-dasharray": opened ? "none" : "5 4" }),
          padlock(16, y + 20, opened),
          text(name, { x: 46, y: y + 28, "font-weight": "bold" }),
          text(told, { x: 104, y: y + 28 }),
        ];
      }),
      text("↑ images", { x: 46, y: ROOF + FLOOR * floors.TOWER.length + 18 }),
    );
  }

  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    const up = ((event.clientY - box.top) * WIDTH) / box.width - ROOF;
    look(floors.TOWER.length - 1 - Math.floor(up / FLOOR));
    tell();
  });

  /** Make a floor the one that is spoken of. */
  function look(at) {
    floor = Math.min(floors.TOWER.length - 1, Math.max(0, at));
    slider.value = floor;
    slider.setAttribute("aria-valuetext", floors.TOWER[floor].name);
    draw();
  }

  /** What moves, and what is to be said of a floor. */
  function tell() {
    const moving = floors.movingArrays(state.strategy, state.stage, state.firstOpen);
    const numbers = Object.values(moving).reduce((sum, size) => sum + size, 0);
    const { name, learned, counted } = floors.TOWER[floor];
    const arrays = [...Object.keys(learned), ...Object.keys(counted)];
    const words = arrays.length > 1 ? `${arrays.slice(0, -1).join(", ")} and ${arrays.at(-1)}` : arrays[0];
    const plural = arrays.length > 1 ? "" : "s";
    const always = Object.keys(counted).length ? ", as normalization always is" : "";
    const [advised, cell] = floors.recommend(state.data, state.similarity);
    const agreed = advised === state.strategy ? "as you have it" : "not what you have";
    // there the slide names no strategy; the matrix of the book begins with the head
    const none = state.data === "little" && state.similarity === "different" ? "no strategy; the book begins with " : "";
    news.say(
      `The slide, for ${state.data} data that are ${state.similarity}: “${cell}” (${none}${advised}: ${agreed}). ` +
      `Stage ${state.stage} moves ${count(numbers)} numbers in ${Object.keys(moving).length} arrays: ${Object.keys(moving).join(", ")}. ` +
      `${name} is ${isOpen(floor) ? `open: ${words} move${plural}` : `locked${always}: ${words} stay${plural} as ${plural ? "it is" : "they are"}`}.`);
  }

  function changed() {
    choosers.forEach(({ name, choose }) => { choose.value = String(state[name]); });
    openings.element.hidden = state.strategy !== "some";
    look(floor);
    tell();
  }

  // --- Controls ---

  const chooser = (name, label, options, read = String) => {
    const choose = make("select", { "aria-label": label, style: "font:inherit;color:inherit;background:var(--md-default-bg-color);max-width:100%" },
      ...Object.entries(options).map(([value, words]) => make("option", { value }, words)));
    choose.addEventListener("change", () => {
      state[name] = read(choose.value);
      changed();
    });
    return { name, choose, element: make("label", {}, `${label} `, choose) };
  };
  const amount = chooser("data", "Data", { little: "little", large: "large" });
  const likeness = chooser("similarity", "They are", { similar: "similar", different: "different" });
  const strategy = chooser("strategy", "Strategy", STRATEGIES);
  const stage = chooser("stage", "Stage", { 1: "1: a new head", 2: "2: what is open" }, Number);
  const openings = chooser("firstOpen", "“Some” begins at", Object.fromEntries(OPENINGS.map((name) => [name, name])));
  const choosers = [amount, likeness, strategy, stage, openings];

  const slider = make("input", { type: "range", min: 0, max: floors.TOWER.length - 1, step: 1, style: "width:9em", "aria-label": "Floor to look at" });
  slider.addEventListener("input", () => {
    look(Number(slider.value));
    tell();
  });

  place.append(
    make("p", { className: "figure-title" }, "Lock and open the floors"),
    make("p", {}, "The chapter's base under a new head. An open floor moves, a locked one does not. Touch a floor to read it."),
    make("div", { className: "figure-row" }, amount.element, likeness.element,
      frame.button("Begin as the matrix says", () => {
        state = { ...state, strategy: floors.recommend(state.data, state.similarity)[0], stage: 2 };
        changed();
      })),
    make("div", { className: "figure-row" }, strategy.element, stage.element, openings.element),
    make("div", { className: "figure-row" }, drawing),
    make("div", { className: "figure-row" },
      make("span", { style: "white-space:nowrap" }, make("span", { "aria-hidden": "true" }, "Look at floor "), slider)),
    news.element,
  );
  changed();
});
