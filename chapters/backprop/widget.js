// Step through a graph: values to the right, gradients to the left, each guessed before it is shown.

book.figure("backprop", (place) => {
  const { make, written } = frame;
  const SVG = "http://www.w3.org/2000/svg";
  const [ACROSS, UP, RADIUS] = [118, 74, 17];

  // COMP7015 lecture 8 has the second and the third; CS826 the fourth, with what its slide prints.
  const EXAMPLES = {
    small: { words: "A first graph", text: "f = (a + b) · b", inputs: { a: 1, b: 2 }, rate: 0.1 },
    hinge: {
      words: "Hinge loss (COMP7015)", text: "margin = Σ(w · φ) · y\nloss = max(1 − margin, 0)",
      inputs: { w: [1, 0.5], "φ": [1, -1], y: 1 }, rate: 0.1,
    },
    network: {
      words: "The exercise (COMP7015)",
      text: "h1 = σ(Σ(v1 · φ))\nh2 = σ(Σ(v2 · φ))\nprediction = w1 · h1 + w2 · h2\nresidual = prediction − y\nloss = residual²",
      inputs: { "φ": [1.5, -0.7, 0.6], y: 1.8, v1: [1.1, -1, -0.5], v2: [2, 1, 1.2], w1: 2, w2: 0.6 }, rate: 0.1,
    },
    table: {
      words: "The worked example (CS826)",
      text: "y3 = σ(Σ(w3 · x))\ny4 = σ(Σ(w4 · x))\na5 = w05 + w35 · y3 + w45 · y4\ny5 = σ(a5)\nerror = target − y5\nloss = 0.5 · error²",
      inputs: { x: [1, 1, 0], target: 1, w3: [1, 3, 4], w4: [-6, 6, 5], w05: -3.92, w35: 2, w45: 4 }, rate: 0.1,
    },
  };
  const SLIDE = [
    ["w03", 1, 0.0043, 1, 1.0004], ["w13", 3, 0.0043, 1, 3.0004], ["w23", 4, 0.0043, 0, 4],
    ["w04", -6, 0.1225, 1, -5.9878], ["w14", 6, 0.1225, 1, 6.0123], ["w24", 5, 0.1225, 0, 5],
    ["w05", -3.92, 0.1225, 1, -3.9078], ["w35", 2, 0.1225, 0.982, 2.012], ["w45", 4, 0.1225, 0.5, 4.0061],
  ];

  let text, inputs, graph, values, gradients, steps;
  let at = 0; // the step that is asked for
  let known = 0; // so many steps have been shown
  let rate = 0.1;

  const news = frame.news();
  const question = make("p", { className: "figure-sum" });
  const drawing = make("div", { className: "figure-scroll", tabIndex: 0, role: "group", "aria-label": "The graph; its numbers stand in the table below." });
  const fieldsAt = make("div", { className: "figure-row" });
  const tables = make("div", { className: "figure-row" });

  const isNumber = (name) => !Number.isNaN(Number(name));
  const first = (value) => (Array.isArray(value) ? value[0] : value);
  const shown = (value, digits = 4) =>
    Array.isArray(value) ? `(${value.map((one) => written(one, digits)).join(", ")})` : written(value, digits);
  /** Numbers with a comma, or without; a list has blanks or semicolons between them. */
  const readValue = (typed) => {
    const list = typed.replace(/^\s*[([]|[)\]]\s*$/g, "").trim().split(/,?\s+|;\s*/).map(frame.number);
    if (list.some((one) => Math.abs(one) > 1e4)) throw new Error("Numbers lie between −10,000 and 10,000 here.");
    return list.length > 1 ? list : list[0];
  };
  const weights = () => graph.leaves.filter((name) => /^[wvb]/i.test(name));

  /** Take a graph and its numbers if they can be computed; otherwise throw, and keep what is there. */
  function take(nextText, nextInputs) {
    const read = graphs.parse(nextText);
    if (read.order.length > 40) throw new Error(`That graph has ${read.order.length} nodes; up to 40 can be shown here.`);
    const all = Object.fromEntries(read.leaves.map((name) => [name, Object.hasOwn(nextInputs, name) ? nextInputs[name] : 1]));
    const nextValues = graphs.forward(read, all);
    const out = nextValues[read.output];
    if (Array.isArray(out)) throw new Error(`${read.output} is a list; what is differentiated is one number: put Σ( ) around it.`);
    if (!Object.values(nextValues).every((value) => [value].flat().every(Number.isFinite))) throw new Error("A number has become too large to compute with.");
    const back = graphs.backward(read, nextValues);
    [text, inputs, graph, values, gradients] = [nextText, all, read, nextValues, back.gradients];
    const spots = graphs.places(read);
    steps = [
      ...read.order.filter((node) => read.table.has(node) && node in spots).map((node) => ({ node, answer: nextValues[node] })),
      ...back.edges.filter(({ name }) => !isNumber(name)).map((edge) => ({ edge, answer: edge.sent })),
    ];
    [at, known] = [0, 0];
  }

  const forwardSteps = () => steps.filter(({ node }) => node).length;
  const valueKnown = (name) => !graph.table.has(name) || steps.findIndex(({ node }) => node === name) < known;
  /** Whether all that a node will be given has arrived. */
  const gradientKnown = (name) =>
    known >= forwardSteps() && steps.every(({ edge }, i) => !edge || edge.name !== name || i < known);

  function ask({ node, edge, answer }) {
    const which = Array.isArray(answer) ? `, first of ${answer.length} numbers` : "";
    const shape = Array.isArray(answer) ? "Its first number" : "It";
    if (node) {
      const [block, ...names] = graph.table.get(node);
      const given = names.map((name) => shown(values[name]));
      const sum = given.length === 2 && block !== "max" ? given.join(` ${block} `) : `${block} of ${given.join(" and ")}`;
      return { label: `Value${which}`, words: `Forward: ${node} = ${sum} = ?`, said: `${node} = ${shown(answer)}.`, shape };
    }
    const name = edge.name;
    return {
      label: `Gradient${which}`,
      words: `Back from ${edge.node} (${edge.block}) to ${name}: what arrives, ${shown(edge.arriving)}, times the slope on the edge = ?`,
      said: `${shown(edge.arriving)} times the slope ${shown(edge.slope)} sends ${shown(answer)} to ${name}.`,
      shape,
    };
  }

  /** What a wrong guess at an edge may have been, in the words of the exercises. */
  function diagnosis({ edge }, guess) {
    if (!edge) return "";
    const [arriving, slope, answer] = [edge.arriving, edge.slope, edge.sent].map(first);
    const near = (value) => Math.abs(guess - value) <= 0.01 * Math.abs(value) + 1e-6;
    const own = first(values[edge.name]);
    if (edge.block === "−" && edge.place === 1 && near(-answer)) return "a − b falls as b grows: mind the minus. ";
    if (edge.block === "max" && near(arriving)) return "The maximum listens to its larger input only. ";
    if (edge.block === "·" && near(arriving * own)) return "In a product, the slope along one factor is the other factor. ";
    if (near(slope)) return "That is the slope; multiply it by what arrives. ";
    if (near(arriving)) return "That is what arrives; multiply it by the slope on the edge. ";
    if (near(-answer)) return "The sign is the other one. ";
    return "";
  }

  const guess = frame.field({
    label: "Value", value: "", read: frame.number, take: () => {}, properties: { inputMode: "decimal" },
  });
  const guessName = guess.element.querySelector("label");

  /** Show the number that is asked for; say how the guess did, if there is one. */
  function reveal() {
    if (at >= steps.length) return;
    const step = steps[at];
    const answer = first(step.answer);
    let verdict = "";
    if (guess.input.value.trim() !== "") {
      let number;
      try {
        number = frame.number(guess.input.value);
      } catch (error) {
        guess.complain(error.message);
        return;
      }
      const right = Math.abs(number - answer) <= 0.01 * Math.abs(answer) + 1e-6;
      verdict = right ? "Your guess is right. " : `Not ${written(number)}. ${diagnosis(step, number)}`;
    }
    known = Math.max(known, at + 1);
    const { said } = ask(step);
    const sums = step.edge && gradientKnown(step.edge.name) ? steps.filter(({ edge }) => edge?.name === step.edge.name) : [];
    const added = sums.length > 1 ? ` ${step.edge.name} is used ${sums.length} times, and what comes back adds up: ${shown(gradients[step.edge.name])}.` : "";
    show();
    news.say(`${verdict}${said}${added}${known === steps.length ? " Every gradient is known now; the table below proves them." : ""}`);
  }

  function go(to) {
    if (to < 0) return news.say("This is the first node.");
    if (to > at) known = Math.max(known, Math.min(to, steps.length));
    at = Math.min(to, steps.length);
    guess.input.value = "";
    guess.complain("");
    show();
    news.say(at < steps.length ? (at < known ? ask(steps[at]).said : "Guess it, and reveal.") : `All is known: ${graph.output} is ${shown(values[graph.output])}.`);
  }

  // --- the drawing ---

  function shape(tag, properties, ...children) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function draw() {
    const spots = graphs.places(graph);
    const x = (name) => 62 + ACROSS * spots[name][0];
    const y = (name) => 44 + UP * spots[name][1];
    const width = 124 + ACROSS * Math.max(...Object.values(spots).map(([column]) => column));
    const height = 88 + UP * Math.max(...Object.values(spots).map(([, row]) => row));
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true", class: "graph" });
    const asked = steps[at];
    const backSteps = new Map(steps.map(({ edge }, i) => [edge && `${edge.node}\n${edge.place}`, i]));
    for (const [node, [, ...names]] of graph.table) {
      if (!(node in spots)) continue;
      names.forEach((name, place) => {
        // A square is one node twice: its two edges are bent apart.
        const bend = names[0] === names[1] ? (place ? 14 : -14) : 0;
        const [dx, dy] = [x(node) - x(name), y(node) - y(name)];
        const long = Math.hypot(dx, dy);
        const [ux, uy] = [dx / long, dy / long];
        const from = [x(name) + ux * (RADIUS + 4), y(name) + uy * (RADIUS + 4)];
        const to = [x(node) - ux * (RADIUS + 3), y(node) - uy * (RADIUS + 3)];
        const middle = [(from[0] + to[0]) / 2 - uy * bend * 2, (from[1] + to[1]) / 2 + ux * bend * 2];
        const spot = bend ? middle.map((one, axis) => (one * 2 + from[axis] + to[axis]) / 4) : [0, 1].map((axis) => from[axis] + (long > 1.4 * ACROSS ? 0.27 : 0.45) * (to[axis] - from[axis]));
        const step = backSteps.get(`${node}\n${place}`);
        const on = asked && (asked.edge ? step === at : asked.node === node);
        const line = shape("path", { d: `M${from} Q${middle} ${to}`, class: on ? "edge on" : "edge" });
        const angle = Math.atan2(to[1] - middle[1], to[0] - middle[0]);
        const tip = [2.6, -2.6].map((turn) => [to[0] + 8 * Math.cos(angle + turn), to[1] + 8 * Math.sin(angle + turn)]);
        svg.append(line, shape("path", { d: `M${tip[0]} L${to} L${tip[1]}`, class: on ? "edge on" : "edge" }));
        if (step < known || step === at) {
          const words = step < known ? shown(steps[step].edge.sent, 3) : "?";
          const label = shape("text", { x: spot[0], y: spot[1] + (bend > 0 ? 15 : -5), class: "back" }, `← ${Array.isArray(steps[step].answer) && step < known ? `(${written(first(steps[step].answer), 3)}, …)` : words}`);
          label.addEventListener("click", () => go(step));
          svg.append(label);
        }
      });
    }
    for (const name of Object.keys(spots)) {
      const row = graph.table.get(name);
      const index = steps.findIndex(({ node }) => node === name);
      const on = asked && (asked.node === name || (asked.edge && asked.edge.name === name));
      const group = shape("g", { class: on ? "node on" : "node" });
      const round = { cx: x(name), cy: y(name), r: RADIUS };
      group.append(row ? shape("circle", round) : shape("rect", { x: x(name) - 24, y: y(name) - 13, width: 48, height: 26, rx: 5 }));
      group.append(shape("text", { x: x(name), y: y(name) + 5, class: row ? "sign" : "sign name" }, row ? row[0] : name.replace("-", "−")));
      const named = row && /^[\p{L}_][\p{L}\p{Nd}_]*$/u.test(name) ? `${name} ` : "";
      const value = valueKnown(name) ? shown(values[name], 3) : asked?.node === name ? "?" : "";
      group.append(shape("text", { x: x(name), y: y(name) - RADIUS - 6, class: "value" }, `${named}${isNumber(name) ? "" : value}`));
      if (gradientKnown(name) && !isNumber(name)) group.append(shape("text", { x: x(name), y: y(name) + RADIUS + 14, class: "back" }, shown(gradients[name], 3)));
      if (index >= 0) group.addEventListener("click", () => (index < known ? go(index) : news.say("Its value is not known yet: one node after the other.")));
      svg.append(group);
    }
    drawing.replaceChildren(svg);
    // Bring what is asked for into view, by moving the drawing alone.
    const focus = asked && (asked.node ?? asked.edge.name);
    if (focus && drawing.scrollWidth > drawing.clientWidth) drawing.scrollLeft = x(focus) - drawing.clientWidth / 2;
  }

  // --- the tables ---

  function headed(caption, head, rows, marked = () => false) {
    const table = make("table", { className: "figure-grid" }, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))));
    const body = make("tbody");
    rows.forEach((row, i) => body.append(make("tr", {}, ...row.map((cell, j) => make("td", { className: marked(i, j) ? "on" : "" }, cell)))));
    table.append(body);
    return make("div", { className: "figure-part", tabIndex: 0, role: "group", "aria-label": caption }, table);
  }

  function both() {
    const spots = graphs.places(graph);
    const rows = graph.order.filter((name) => name in spots && !isNumber(name)).map((name) => {
      const [block, ...names] = graph.table.get(name) ?? ["input"];
      return [name, `${block} ${names.join(", ")}`, valueKnown(name) ? shown(values[name]) : "?", gradientKnown(name) ? shown(gradients[name]) : "?"];
    });
    return headed("Forward and backward", ["node", "made by", "value", `∂${graph.output}/∂node`], rows);
  }

  function proof() {
    const rows = graph.leaves.filter((name) => name in graphs.places(graph)).flatMap((name) =>
      [values[name]].flat().map((_, i) => {
        const { up, down, slope } = graphs.measure(graph, inputs, name, i);
        const one = Array.isArray(values[name]) ? `${name} [${i + 1}]` : name;
        return [one, written(up, 7), written(down, 7), written(Number(slope.toFixed(6))), written(Number([gradients[name]].flat()[i].toFixed(6)))];
      }),
    );
    return headed("The proof: move each input by 0.0001, up and down", ["input", `up: ${graph.output}`, `down: ${graph.output}`, "÷ 0.0002", "gradient"], rows);
  }

  /** CS826's table, with the unrounded numbers beside those that the slide prints. */
  function slideTable() {
    const [w3, w4] = [inputs.w3, inputs.w4];
    const before = [...w3, ...w4, inputs.w05, inputs.w35, inputs.w45];
    const moved = graphs.update(inputs, gradients, weights(), rate);
    const after = [...moved.w3, ...moved.w4, moved.w05, moved.w35, moved.w45];
    const delta = ["y3", "y4", "y5"].map((name) => -gradients[graph.table.get(name)[1]]);
    const y = [...inputs.x, ...inputs.x, 1, values.y3, values.y4];
    const isSlide = rate === 0.1 && SLIDE.every(([, weight], i) => weight === before[i]);
    const four = (value) => value.toFixed(4).replace("-", "−");
    const differs = (value, printed) => isSlide && four(value) !== four(printed);
    const rows = SLIDE.map(([name, , slideDelta, , slideAfter], i) => {
      const d = delta[Math.min(2, Math.floor(i / 3))];
      const beside = (value, printed) => (differs(value, printed) ? `${four(value)} (slide: ${four(printed)})` : four(value));
      return [name, written(before[i], 5), beside(d, slideDelta), four(y[i]), beside(after[i], slideAfter)];
    });
    return headed("CS826's table, unrounded; where rounding moved it, the slide's number", ["weight", "before", "δ of its unit", "y it met", "after"], rows,
      (i, j) => rows[i][j].includes("slide"));
  }

  const isExample = (name) => text === EXAMPLES[name].text;

  function show() {
    const step = steps[at];
    const asked = step && ask(step);
    const part = at < forwardSteps() ? `Node ${at + 1} of ${forwardSteps()}. ` : `Edge ${at + 1 - forwardSteps()} of ${steps.length - forwardSteps()}. `;
    question.textContent = step ? part + (at < known ? asked.said : asked.words) : `All is known: ∂${graph.output} over everything stands in the table.`;
    guessName.textContent = step ? `Your guess (${asked.label.toLowerCase()})` : "Your guess";
    guess.input.disabled = revealButton.disabled = !step;
    draw();
    const done = known === steps.length;
    tables.replaceChildren(both(), ...(done ? [proof()] : []), ...(done && isExample("table") ? [slideTable()] : []));
    descend.disabled = !done || !weights().length;
  }

  // --- what the reader types ---

  const problem = make("p", { className: "figure-problem", role: "alert" });
  const area = make("textarea", { className: "figure-text", rows: 3, spellcheck: false, "aria-label": "The graph: name = expression, one a line; with + − · ² max σ Σ" });
  area.addEventListener("input", () => {
    try {
      try {
        take(area.value, inputs);
      } catch {
        // A list left over from the graph before may not fit this one: begin with numbers.
        take(area.value, Object.fromEntries(Object.entries(inputs).filter(([, value]) => !Array.isArray(value))));
      }
      problem.textContent = "";
      area.setAttribute("aria-invalid", "false");
      buildFields();
      show();
    } catch (error) {
      problem.textContent = error.message;
      area.setAttribute("aria-invalid", "true");
    }
  });

  function buildFields() {
    fieldsAt.replaceChildren(...graph.leaves.map((name) => {
      const field = frame.field({
        label: name, value: [inputs[name]].flat().map((one) => written(one, 6)).join("; "), read: readValue,
        take: (value) => {
          take(text, { ...inputs, [name]: value });
          show();
        },
      });
      if (Array.isArray(inputs[name])) field.input.classList.add("wide");
      return make("div", {}, field.element, field.problem);
    }));
  }

  function load(example) {
    rate = example.rate;
    take(example.text, example.inputs);
    area.value = text;
    area.rows = text.split("\n").length;
    area.setAttribute("aria-invalid", "false");
    problem.textContent = "";
    buildFields();
    guess.input.value = "";
    show();
    news.say("Compute each node from left to right; then send the gradient back. Guess before you reveal.");
  }

  const examples = Object.values(EXAMPLES).map((example) => frame.button(example.words, () => load(example)));
  const rateField = frame.field({
    label: "Learning rate η", value: "0.1",
    read: (typed) => {
      const value = frame.number(typed);
      if (value <= 0 || value > 10) throw new Error("The rate is above 0 and at most 10 here.");
      return value;
    },
    take: (value) => {
      rate = value;
      show();
    },
  });
  const descend = frame.button("Move the weights", () => {
    const before = values[graph.output];
    const names = weights();
    try {
      take(text, graphs.update(inputs, gradients, names, rate));
    } catch (error) {
      news.say(error.message);
      return;
    }
    buildFields();
    known = at = forwardSteps();
    show();
    news.say(`${names.join(", ")} moved, each against its gradient: ${graph.output} goes from ${written(before, 5)} to ${written(values[graph.output], 5)}.`);
  });
  const revealButton = frame.button("Reveal", reveal);

  const controls = make("div", { className: "figure-row" },
    guess.element, revealButton,
    frame.button("Back", () => go(at - 1)),
    frame.button("Next", () => go(at + 1)),
    frame.button("All values", () => go(Math.max(at, forwardSteps()))),
    frame.button("All gradients", () => go(steps.length)),
  );
  guess.input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") reveal();
  });
  const stage = make("div", {
    className: "figure-stage", tabIndex: 0, role: "group",
    "aria-label": "The step. Right arrow: next. Left arrow: back. Space: reveal.",
  }, question);
  stage.addEventListener("keydown", (event) => {
    const action = { ArrowRight: () => go(at + 1), ArrowLeft: () => go(at - 1), " ": reveal }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });

  const slopes = make("details", {}, make("summary", {}, "The slopes of the blocks"),
    make("p", {}, "a + b: 1 along each. a − b: 1 along a, −1 along b. a · b: b along a, and a along b. " +
      "max(a, b): 1 along the larger, 0 along the other. σ(a): σ(a) · (1 − σ(a)). Σ: 1 along each number. " +
      "What is sent back along an edge is what arrives at the block, times the slope."));

  place.append(
    make("p", { className: "figure-title" }, "Numbers to the right, gradients to the left"),
    make("div", { className: "figure-row" }, ...examples),
    area, problem, fieldsAt, stage, drawing, controls, guess.problem, news.element, slopes,
    make("div", { className: "figure-row" }, rateField.element, descend), rateField.problem, tables,
  );
  load(EXAMPLES.small);
});
