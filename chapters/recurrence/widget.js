// An unrolled network: it reads a digit row by row, or a sentence word by word, as you change it.

book.figure("reader", (place) => {
  const { make, short } = frame;
  const LONGEST = 40; // words, as in training
  const digits = reader.unpacked(recurrentReaders.digits);
  const sentences = reader.unpacked(recurrentReaders.sentences);
  const vocabulary = reader.vocabulary(recurrentReaders.sentences.words);
  const samples = recurrentReaders.digits.digits.map(reader.shades);
  const SENTENCES = ["Good, not bad.", "Bad, not good.", "I love this phone, but the battery died after a week.",
    "Not a waste of money!"];
  const sure = (p) => `${Math.round(100 * p)} %`;

  let state = { kind: "digit", image: [...samples[7]], text: SENTENCES[0], at: 8 };
  let cell = [3, 3]; // the pixel that the keyboard stands on
  const news = frame.news();
  const problem = make("p", { className: "figure-problem", role: "alert" });

  // --- What is read: a digit of 8×8 pixels, painted, or a sentence, typed ---

  const pad = make("canvas", {
    width: 8, height: 8, className: "figure-pixels", tabIndex: 0, role: "application",
    "aria-label": "Digit of 8 by 8 pixels. Arrow keys move, space turns a pixel on or off.",
  });
  const cursor = make("span", { className: "figure-cursor", "aria-hidden": "true" });
  let ink = 1;
  const paintPixel = (row, column) => {
    state.image[row * 8 + column] = ink;
    cell = [row, column];
    show();
  };
  const under = (event) => {
    const box = pad.getBoundingClientRect();
    const inside = (part) => Math.min(7, Math.max(0, Math.floor(8 * part)));
    return [inside((event.clientY - box.top) / box.height), inside((event.clientX - box.left) / box.width)];
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    const [row, column] = under(event);
    ink = state.image[row * 8 + column] > 0.5 ? 0 : 1;
    paintPixel(row, column);
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.buttons) paintPixel(...under(event));
  });
  pad.addEventListener("keydown", (event) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!by && event.key !== " ") return;
    event.preventDefault();
    if (by) {
      cell = cell.map((value, i) => Math.min(7, Math.max(0, value + by[i])));
      news.say(`Row ${cell[0] + 1}, column ${cell[1] + 1}: ${state.image[cell[0] * 8 + cell[1]] > 0.5 ? "ink" : "paper"}.`);
      return draw();
    }
    ink = state.image[cell[0] * 8 + cell[1]] > 0.5 ? 0 : 1;
    paintPixel(...cell);
  });
  const pick = frame.choice({
    label: "A digit nobody trained on:", options: samples.map((_, i) => [i, String(i)]), value: 7,
    take: (label) => change({ image: [...samples[label]], at: 8 }),
  });
  const influence = make("canvas", { width: 8, height: 8, className: "figure-pixels", role: "img",
    "aria-label": "How each pixel moves the belief: blue for it, orange against it." });
  const digitPart = make("div", { className: "figure-row" },
    make("div", {}, make("p", { className: "figure-label" }, "The digit: paint on it"),
      make("div", { className: "figure-padbox square" }, pad, cursor)),
    make("div", {}, make("p", { className: "figure-label" }, "What moves the belief"), influence),
    make("div", {}, pick.element,
      make("div", {}, frame.button("Wipe", () => change({ image: new Array(64).fill(0) })))));

  const typed = make("input", { type: "text", className: "figure-text", value: state.text, "aria-label": "A sentence", spellcheck: false, autocomplete: "off" });
  typed.addEventListener("input", () => {
    const count = reader.words(typed.value).length;
    problem.textContent = count === 0 ? "There is no word to read yet: type a sentence in English."
      : count > LONGEST ? `The network reads ${LONGEST} words; this sentence has ${count}. The others are left out.` : "";
    if (count) change({ text: typed.value, at: LONGEST });
  });
  const sentencePart = make("div", {}, typed,
    make("div", { className: "figure-row" }, ...SENTENCES.map((text) => frame.button(text, () => {
      typed.value = text;
      problem.textContent = "";
      change({ text, at: LONGEST });
    }))));

  // --- The unrolled network: a row a step ---

  const body = make("tbody", {});
  const heading = make("th", { scope: "col" });
  const unrolled = make("table", { className: "figure-grid figure-unrolled" },
    make("caption", {}, "The unrolled network"),
    make("thead", {}, make("tr", {}, heading, ...["state h", "belief", "gradient"].map((words) => make("th", { scope: "col" }, words)))),
    body);
  const bar = (share, words) => {
    const fill = make("span", { className: "figure-bar" });
    fill.style.width = `${Math.max(1, 100 * share)}%`;
    return make("div", { className: "figure-measure" }, make("span", { className: "figure-track" }, fill), make("span", {}, words));
  };

  /** Blue for what is above 0, orange for what is below; the larger, the stronger. */
  const tone = (share) => {
    const [r, g, b] = share >= 0 ? [0, 114, 178] : [213, 94, 0];
    const part = Math.min(1, Math.abs(share));
    return `rgb(${[r, g, b].map((one) => Math.round(255 + (one - 255) * part)).join(" ")})`;
  };
  function paint(canvas, values, columns, colour) {
    canvas.width = columns;
    canvas.height = values.length / columns;
    const context = canvas.getContext("2d");
    values.forEach((value, i) => {
      context.fillStyle = colour(value);
      context.fillRect(i % columns, Math.floor(i / columns), 1, 1);
    });
    return canvas;
  }
  const grey = (value) => `rgb(${[0, 0, 0].fill(Math.round(255 * value)).join(" ")})`;
  const strip = (values, columns, colour, name) => paint(make("canvas", { className: name, "aria-hidden": "true" }), values, columns, colour);

  const isDigit = () => state.kind === "digit";
  function inputs() {
    if (isDigit()) return Array.from({ length: 8 }, (_, row) => state.image.slice(8 * row, 8 * row + 8));
    return reader.numbers(state.text, vocabulary).slice(0, LONGEST).map((number) => sentences.embedding[number]);
  }

  let steps = [];
  let toward = [];
  function show() {
    const weights = isDigit() ? digits : sentences;
    const given = inputs();
    steps = reader.read(weights, given);
    state.at = Math.min(Math.max(1, state.at), steps.length);
    const here = steps[state.at - 1].belief;
    const chosen = here.indexOf(Math.max(...here));
    toward = reader.gradients(weights, steps, state.at - 1, chosen);
    time.set(state.at, steps.length);
    draw();
    tell(chosen);
  }

  function draw() {
    const said = reader.words(state.text);
    const lengths = toward.map(({ input }) => reader.length(input));
    const longest = Math.max(...lengths, 1e-12);
    heading.textContent = isDigit() ? "row" : "word";
    body.replaceChildren(...steps.map(({ h, belief }, t) => {
      const best = belief.indexOf(Math.max(...belief));
      const unknown = !isDigit() && !vocabulary.has(said[t]);
      const read = isDigit()
        ? [`${t + 1} `, strip(state.image.slice(8 * t, 8 * t + 8), 8, grey, "figure-strip short")]
        : [unknown ? `${said[t]} (unknown)` : said[t]];
      const row = make("tr", { className: t + 1 === state.at ? "on" : t + 1 > state.at ? "later" : "" },
        make("th", { scope: "row" }, ...read),
        make("td", {}, strip(h, h.length / 2, tone, "figure-strip")),
        make("td", {}, isDigit() ? bar(belief[best], `${best}: ${sure(belief[best])}`) : bar(belief[1], `praise ${sure(belief[1])}`)),
        make("td", {}, t < state.at ? bar(lengths[t] / longest, short(lengths[t])) : ""));
      row.addEventListener("click", () => change({ at: t + 1 }));
      return row;
    }));
    paint(pad, state.image, 8, grey);
    [cursor.style.top, cursor.style.left] = cell.map((value) => `${12.5 * value}%`);
    if (isDigit()) {
      const pixels = Array.from({ length: 64 }, (_, i) => toward[Math.floor(i / 8)]?.input[i % 8] ?? 0);
      const largest = Math.max(...pixels.map(Math.abs), 1e-12);
      paint(influence, pixels.map((value) => value / largest), 8, tone);
    }
  }

  function tell(chosen) {
    const { belief } = steps[state.at - 1];
    const first = reader.length(toward[0].state) / reader.length(toward[state.at - 1].state);
    const fades = `The gradient of that belief is ${short(first)} times as large at the first state as at this one.`;
    if (isDigit()) {
      const [, second] = belief.map((p, k) => k).sort((a, b) => belief[b] - belief[a]);
      news.say(`After row ${state.at} of ${steps.length} it reads ${chosen === 8 ? "an" : "a"} ${chosen} (${sure(belief[chosen])}); next comes ${second} (${sure(belief[second])}). ${fades}`);
      return;
    }
    const said = reader.words(state.text);
    const lengths = toward.map(({ input }) => reader.length(input));
    const strongest = lengths.indexOf(Math.max(...lengths));
    news.say(`After “${said[state.at - 1]}”, word ${state.at} of ${steps.length}: praise ${sure(belief[1])}. ` +
      `The word whose change would move that most is “${said[strongest]}”. ${fades}`);
  }

  const change = (changed) => {
    state = { ...state, ...changed };
    digitPart.hidden = !isDigit();
    sentencePart.hidden = isDigit();
    show();
  };
  const time = frame.slider({
    label: "Read up to step", min: 1, max: 8, step: 1, value: 8, take: (at) => change({ at }),
  });
  const kind = frame.choice({
    label: "Read", options: [["digit", "a digit, row by row"], ["sentence", "a sentence, word by word"]], value: "digit",
    take: (value) => {
      problem.textContent = "";
      change({ kind: value, at: LONGEST });
    },
  });

  place.append(
    make("p", { className: "figure-title" }, "Read step by step"),
    make("div", { className: "figure-row" }, kind.element),
    digitPart, sentencePart, problem,
    make("div", { className: "figure-row" }, time.element),
    news.element,
    make("div", { className: "figure-scroll", tabIndex: 0, role: "group", "aria-label": "The unrolled network" }, unrolled),
  );
  change({});
});
