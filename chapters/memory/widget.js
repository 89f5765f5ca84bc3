// Force the gates of an LSTM, and watch its cell keep or lose a bit, and the gradient with it.

book.figure("memory", (place) => {
  const { make, written } = frame;

  // One unit with weights one might choose by hand: open to inputs, inclined to keep.
  const WEIGHTS = { i: [1, 0, 0], f: [0, 0, 1], g: [1, 0.5, 0], o: [0, 1, 0] };
  const PLAIN = [1, 0.9, 0];
  const GATES = [["i", "write (i)"], ["f", "keep (f)"], ["o", "read (o)"]];
  const STEPS = 8;
  const INPUTS = [1, 0, 0, 0, 0, 0, 0, 0];

  const all = (make) => Array.from({ length: STEPS }, (_, t) => make(t));
  const PRESETS = {
    free: ["Leave the gates free", () => ({})],
    keep: ["Keep the bit", (t) => ({ i: t === 0 ? 1 : 0, f: 1, o: t === STEPS - 1 ? 1 : 0 })],
    lose: ["Forget it at step 5", (t) => ({ i: t === 0 ? 1 : 0, f: t === 4 ? 0 : 1, o: t === STEPS - 1 ? 1 : 0 })],
  };

  let inputs = [...INPUTS];
  let forced = all(PRESETS.free[1]);
  const news = frame.news();
  const holder = make("div", { className: "figure-scroll" });
  const gateButtons = {};

  const problem = make("p", { className: "figure-problem", role: "alert" });
  const fields = inputs.map((value, t) =>
    frame.field({
      label: `Input, step ${t + 1}`, value: written(value), hidden: true,
      read: (text) => {
        const number = frame.number(text);
        if (Math.abs(number) > 5) throw new Error(`An input lies between −5 and 5 here. Received: ${text}.`);
        return number;
      },
      take: (number) => {
        inputs[t] = number;
        show();
        tell();
      },
    }),
  );

  /** free → 0 → 1 → free. */
  function turn(gate, t) {
    const now = forced[t][gate];
    if (now === undefined) forced[t][gate] = 0;
    else if (now === 0) forced[t][gate] = 1;
    else delete forced[t][gate];
    show();
    tell();
  }

  const button = (gate, words, t) => {
    const element = make("button", { type: "button", className: "figure-gate", onclick: () => turn(gate, t) });
    element.addEventListener("keydown", (event) => {
      const names = GATES.map(([name]) => name);
      const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      const next = by && gateButtons[names[names.indexOf(gate) + by[0]]]?.[t + by[1]];
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
    return element;
  };
  for (const [gate, words] of GATES) gateButtons[gate] = all((t) => button(gate, words, t));

  const row = (name, cells) => make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell)));
  const bars = (second = false) => all(() => {
    const fill = make("span", { className: second ? "figure-level second" : "figure-level" });
    const number = make("span", {});
    return { element: make("div", { className: "figure-column" }, make("span", { className: "figure-shaft" }, fill), number), fill, number };
  });
  const cell = bars();
  const state = bars();
  const gradient = bars();
  const plainState = bars(true);
  const plainGradient = bars(true);

  holder.append(make("table", { className: "figure-grid" },
    make("caption", {}, "An LSTM of one unit along eight steps; beside it a plain recurrent unit"),
    make("thead", {}, make("tr", {}, make("td", {}, ""), ...all((t) => make("th", { scope: "col" }, `step ${t + 1}`)))),
    make("tbody", {},
      row("input x", fields.map(({ element }) => element)),
      ...GATES.map(([gate, words]) => row(words, gateButtons[gate])),
      row("cell C", cell.map(({ element }) => element)),
      row("output h", state.map(({ element }) => element)),
      row("∂C at the end / ∂x", gradient.map(({ element }) => element)),
      row("plain RNN: h", plainState.map(({ element }) => element)),
      row("plain RNN: ∂h at the end / ∂x", plainGradient.map(({ element }) => element)),
    ),
  ));

  const draw = (columns, values) => {
    const largest = Math.max(1, ...values.map(Math.abs));
    columns.forEach(({ fill, number }, t) => {
      const short = Math.abs(values[t]) < 0.0005 && values[t] !== 0 ? values[t].toExponential(0).replaceAll("-", "−") : written(Number(values[t].toFixed(3)));
      fill.style.height = `${(100 * Math.abs(values[t])) / largest}%`;
      fill.classList.toggle("minus", values[t] < 0);
      number.textContent = short;
    });
  };

  let steps = [];
  let toInput = [];
  function show() {
    steps = arithmetic.lstm(inputs, WEIGHTS, forced);
    toInput = arithmetic.lstmGradient(steps, WEIGHTS);
    const states = arithmetic.rnn(inputs, PLAIN);
    draw(cell, steps.map(({ c }) => c));
    draw(state, steps.map(({ h }) => h));
    draw(gradient, toInput);
    draw(plainState, states);
    draw(plainGradient, arithmetic.rnnGradient(states, PLAIN));
    for (const [gate, words] of GATES) {
      gateButtons[gate].forEach((element, t) => {
        const fixed = gate in forced[t];
        const value = written(Number(steps[t][gate].toFixed(2)));
        element.textContent = fixed ? `${value} !` : value;
        element.classList.toggle("fixed", fixed);
        element.setAttribute("aria-label", `${words}, step ${t + 1}: ${fixed ? `forced to ${value}` : `free, ${value}`}`);
      });
    }
    const bad = fields.map((field) => field.problem.textContent).find(Boolean);
    problem.textContent = bad ?? "";
  }
  // A field speaks up after `take` was called or refused: gather what they say in one line.
  holder.addEventListener("input", () => {
    const place = fields.findIndex(({ problem: own }) => own.textContent);
    problem.textContent = place < 0 ? "" : `Input, step ${place + 1}: ${fields[place].problem.textContent}`;
  });

  function tell() {
    const last = steps[STEPS - 1];
    news.say(
      `At the end the cell holds ${written(Number(last.c.toFixed(3)))}. ` +
        `A change of the first input reaches it ${Math.abs(toInput[0]) < 0.0005 ? "not at all" : `times ${written(Number(toInput[0].toFixed(3)))}`}.`,
    );
  }

  const presets = Object.values(PRESETS).map(([words, gates]) =>
    frame.button(words, () => {
      inputs = [...INPUTS];
      fields.forEach(({ input, complain }, t) => {
        input.value = written(inputs[t]);
        complain("");
      });
      forced = all(gates);
      show();
      tell();
    }),
  );

  place.append(
    make("p", { className: "figure-title" }, "Force the gates"),
    make("p", {}, "Press a gate to force it to 0, then to 1, then to set it free again. A forced gate bears an exclamation mark."),
    make("div", { className: "figure-row" }, ...presets),
    holder, problem, news.element,
  );
  show();
  tell();
});
