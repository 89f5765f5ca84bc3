// Gates from 0 to 1 over up to a hundred steps: an LSTM, a GRU and a plain network side by side.

book.figure("memory-steps", (place) => {
  const { make, short } = frame;
  const OPEN = { keep: 0.9, write: 0, read: 1, reset: 1, weight: 0.9, steps: 30, hears: "silence", at: 30 };
  // What there is to try at once; what is not named is as at the beginning.
  const TRIES = [
    ["Keep 0.9", {}, "Nine tenths at each step: after thirty steps hardly anything is left in the LSTM's cell. The GRU holds more than half, as it writes back what it reads of its own state."],
    ["Keep 0.99", { keep: 0.99, weight: 0.99 }, "Nearly open gates: after thirty steps the LSTM's cell holds three quarters, the GRU nearly all; tanh shrinks the plain network's state even so."],
    ["Keep 1, a hundred steps", { keep: 1, weight: 1, steps: 100, at: 100 }, "Fully open: in the LSTM and the GRU nothing of the gradient is lost on the way, however long it takes; what reaches the input is what the first step lets through."],
    ["Noise at open doors", { keep: 0.95, write: 0.2, weight: 0, hears: "noise", steps: 60, at: 60 }, "What is written later covers what was there: the state follows the noise, and the bit is lost in it."],
    ["A plain network that shouts", { weight: 1.5, steps: 50, at: 50 }, "A weight of 1.5 holds the state at its end, where tanh is flat: the state stays, its gradient does not."],
  ];
  let state = { ...OPEN };
  const news = frame.news();

  const lines = [{ name: "LSTM, cell C" }, { name: "GRU, state h" }, { name: "plain, state h" }];
  const look = (step) => {
    state.at = Math.min(state.steps, Math.max(1, Math.round(step)));
    show();
  };
  const memory = frame.chart({
    title: "What is remembered", names: ["step", ""], lines: [...lines, { name: "LSTM, output h" }], pick: look,
  });
  const gradient = frame.chart({
    title: "Gradient that reaches the first input", names: ["from step", "logarithmic"], lines, log: true, pick: look,
  });

  /** A gate's values: `first` at step 1, where the bit is written, and `then` ever after. */
  const held = (first, then) => Array.from({ length: state.steps }, (_, t) => (t ? then : first));

  function show(before = "") {
    const { keep, write, read, reset, weight, steps, hears } = state;
    const heard = hears === "noise" ? reach.noise(steps) : held(0, 0);
    const inputs = heard.map((x, t) => (t ? x : 1));
    const weights = { w: 1, u: weight };
    const cells = [
      reach.lstm(inputs, { i: held(1, write), f: held(0, keep), o: held(read, read) }, weights),
      reach.gru(inputs, { z: held(0, keep), r: held(reset, reset) }, weights),
      reach.plain(inputs, weights),
    ];
    const at = (cell) => cell[state.at - 1];
    const points = (cell, value) => cell.map((step, t) => [t + 1, value(step)]);
    const most = Math.max(1.1, ...cells.flat().map((step) => 1.1 * Math.abs(step.state)));
    memory.draw({
      lines: [...cells.map((cell) => points(cell, (step) => step.state)), points(cells[0], (step) => step.output)],
      x: [1, steps], y: [-most, most], at: state.at,
      values: [...cells.map((cell) => short(at(cell).state)), short(at(cells[0]).output)],
    });
    const smallest = Math.min(...cells.flat().map((step) => Math.abs(step.change)));
    gradient.draw({
      lines: cells.map((cell) => points(cell, (step) => Math.abs(step.change))),
      x: [1, steps], y: [Math.min(1e-4, Math.max(1e-30, 10 ** Math.floor(Math.log10(smallest || 1e-30)))), 10], at: state.at,
      values: cells.map((cell) => short(at(cell).change)),
    });
    const [lstm, gru, plain] = cells.map((cell) => short(at(cell).change));
    news.say(
      `${before}${before && " "}After ${state.at} steps the LSTM's cell holds ${short(at(cells[0]).state)} and puts out ${short(at(cells[0]).output)}, the GRU holds ${short(at(cells[1]).state)}, ` +
        `the plain network ${short(at(cells[2]).state)}. Of a gradient of 1 at this step, ${lstm} reaches the first input of the LSTM, ` +
        `${gru} that of the GRU, and ${plain} that of the plain network.`,
    );
  }

  const slider = (name, label, options = {}) => [name, frame.slider({
    label, value: state[name], ...options, take: (value) => {
      state[name] = value;
      if (name === "steps") state.at = value;
      show();
    },
  })];
  const sliders = Object.fromEntries([
    slider("keep", "Keep (f of the LSTM, z of the GRU)"),
    slider("write", "Write (i of the LSTM)"),
    slider("read", "Read (o of the LSTM)"),
    slider("reset", "Reset (r of the GRU)"),
    slider("weight", "Weight from state to state", { max: 1.5 }),
    slider("steps", "Steps", { min: 10, max: 100, step: 1 }),
  ]);
  const hears = frame.choice({
    label: "After the first step the cells hear", options: [["silence", "silence"], ["noise", "noise from −1 to 1"]],
    value: state.hears, take: (value) => {
      state.hears = value;
      show();
    },
  });
  const tries = TRIES.map(([words, changes, before]) =>
    frame.button(words, () => {
      state = { ...OPEN, ...changes };
      for (const [name, { set }] of Object.entries(sliders)) set(state[name]);
      hears.input.value = state.hears;
      show(before);
    }));

  place.append(
    make("p", { className: "figure-title" }, "Hold the gates for many steps"),
    make("p", {}, "At the first step each cell hears a 1, with gates that let it in. From then on the gates stand as you set them. Drag in a drawing to read another step."),
    make("div", { className: "figure-row" }, ...tries),
    make("div", { className: "figure-sliders" }, ...Object.values(sliders).map(({ element }) => element)),
    hears.element,
    news.element,
    make("div", { className: "figure-row" }, memory.element, gradient.element),
  );
  show();
});
