// The neuron playground: a perceptron whose line turns with each mistake, and a small network that
// folds the plane with several. All numbers come from playground.js, which the tests hold to Python.

book.figure("neurons", (place) => {
  const { make, written } = frame;
  const EDGE = 1.5; // the map reaches from −EDGE to EDGE on both axes
  const SIDE = 320; // its pixels
  const GRID = 40; // what a network believes is computed on so many places a side
  const NAMES = { 1: "circle", "-1": "square" };
  const ACTIVATIONS = [["tanh", "tanh"], ["sigmoid", "sigmoid"], ["relu", "ReLU"], ["leaky_relu", "leaky ReLU"], ["step", "step"]];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  let points = playground.data("gap", 24, 3);
  let brush = 1; // the class of the next point; 0 takes points away
  let mode = "perceptron";
  let cursor = null; // where the keyboard's cross stands
  let seed = 1;

  const news = frame.news();
  const short = (value) => written(Number(value.toFixed(3)));
  const signed = (value) => (value < 0 ? ` − ${short(-value)}` : ` + ${short(value)}`);
  const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

  // --- The two learners ---

  let one, net;
  function freshPerceptron() {
    one = { weights: [0, 0], bias: 0, at: 0, right: 0, shown: 0, mistakes: 0, last: null, before: null };
  }
  const settings = { hidden: 1, units: 4, activation: "tanh", loss: "cross-entropy", rate: 0.5, batch: "all" };
  const perceptronSettings = { rate: 1, restart: false };

  function freshNetwork() {
    const sizes = [2, ...new Array(settings.hidden).fill(settings.units), 1];
    net = { layers: playground.initialLayers(sizes, playground.randoms(seed)), steps: 0, losses: [], queue: [],
      random: playground.randoms(seed + 1000), running: false };
  }

  /** The examples of the next steps, `count` batches of them; every example once before any twice. */
  function planned(count) {
    while (net.queue.length < count) {
      const order = playground.shuffled(points.X.length, net.random);
      const size = settings.batch === "all" ? order.length : Math.min(Number(settings.batch), order.length);
      for (let i = 0; i < order.length; i += size) net.queue.push(order.slice(i, i + size));
    }
    return net.queue.slice(0, count);
  }
  const targets = () => points.y.map((y) => (y + 1) / 2);
  const output = (x) => playground.forward(net.layers, x, settings.activation).at(-1)[0];
  const lossNow = () => playground.gradients(net.layers, points.X, targets(), settings.activation, settings.loss).loss;
  const answer = (x) => playground.sign(mode === "perceptron" ? playground.weighted(one.weights, one.bias, x) : output(x));
  const mistaken = () => points.X.filter((x, i) => answer(x) !== points.y[i]).length;

  // --- The map: points by click, tap or keyboard ---

  const map = make("canvas", {
    width: 2 * SIDE, height: 2 * SIDE, className: "neurons-map", tabIndex: 0, role: "application",
    "aria-label": "Map of points. Arrow keys move a cross, Enter puts a point there or takes one away, "
      + "C changes the class of the next point, Space takes one step.",
  });
  const toPixel = ([x, y]) => [((x + EDGE) / (2 * EDGE)) * 2 * SIDE, ((EDGE - y) / (2 * EDGE)) * 2 * SIDE];
  const nearest = (at) => {
    const away = points.X.map((x) => Math.hypot(x[0] - at[0], x[1] - at[1]));
    const i = away.indexOf(Math.min(...away));
    return away[i] < 0.15 ? i : -1;
  };

  function touch(at) {
    if (brush === 0) {
      const i = nearest(at);
      if (i < 0) {
        news.say("There is no point here to take away.");
        return;
      }
      points = { X: points.X.filter((_, k) => k !== i), y: points.y.filter((_, k) => k !== i) };
    } else if (points.X.length >= 400) {
      news.say("The playground holds 400 points.");
      return;
    } else {
      points = { X: [...points.X, at], y: [...points.y, brush] };
    }
    changedPoints();
    news.say(brush === 0
      ? `Taken away. ${plural(points.X.length, "point")} left.`
      : `A ${NAMES[brush]} at ${short(at[0])}, ${short(at[1])}. ${plural(points.X.length, "point")} in all.`);
  }

  /** Points came or went: what is known stays, what was planned for the old ones does not. */
  function changedPoints() {
    pause();
    Object.assign(one, { at: 0, right: 0, last: null, before: null });
    Object.assign(net, { queue: [], losses: [] });
    show();
  }

  map.addEventListener("click", (event) => {
    const box = map.getBoundingClientRect();
    const at = [event.clientX - box.left, event.clientY - box.top].map((p, k) => p / (k ? box.height : box.width));
    touch([round2((2 * at[0] - 1) * EDGE), round2((1 - 2 * at[1]) * EDGE)]);
  });
  const round2 = (value) => Math.round(100 * value) / 100;
  map.addEventListener("keydown", (event) => {
    const by = { ArrowUp: [0, 0.1], ArrowDown: [0, -0.1], ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0] }[event.key];
    if (by) {
      const from = cursor ?? [0, 0];
      cursor = from.map((v, k) => Math.max(-EDGE, Math.min(EDGE, round2(v + by[k]))));
      drawMap();
      const i = nearest(cursor);
      news.say(`${short(cursor[0])}, ${short(cursor[1])}${i < 0 ? "" : `: a ${NAMES[points.y[i]]} is here`}.`);
    } else if (event.key === "Enter") touch(cursor ?? [0, 0]);
    else if (event.key === " ") mode === "perceptron" ? nextExample() : oneStep();
    else if (event.key === "c" || event.key === "C") setBrush({ 1: -1, "-1": 0, 0: 1 }[brush], true);
    else return;
    event.preventDefault();
  });
  map.addEventListener("blur", () => {
    cursor = null;
    drawMap();
  });

  // --- Drawing ---

  const BLUE = "0 114 178", ORANGE = "230 159 0";
  const ink = () => getComputedStyle(map).color;
  const paper = () => getComputedStyle(map).backgroundColor;

  /** Shade a square canvas by numbers from −1 (orange) to 1 (blue): the surer the deeper. */
  function shade(context, size, rows) {
    const small = make("canvas", { width: rows.length, height: rows.length });
    const pixels = new ImageData(rows.length, rows.length);
    rows.flat().forEach((value, k) => {
      const colour = (value > 0 ? BLUE : ORANGE).split(" ").map(Number);
      pixels.data.set([...colour, 128 * Math.min(1, Math.abs(value))], 4 * k);
    });
    small.getContext("2d").putImageData(pixels, 0, 0);
    // What is known beyond the edge is drawn beyond the edge.
    const cell = size / (rows.length - 2);
    context.drawImage(small, -cell, -cell, size + 2 * cell, size + 2 * cell);
  }
  /** A number for each place of a square of `count` by `count`, and of a rim around it, from the top. */
  const over = (count, value) => {
    const down = Array.from({ length: count + 2 }, (_, i) => EDGE - ((i - 0.5) * 2 * EDGE) / count);
    return down.map((y) => down.map((x) => value([-x, y])));
  };

  function stroke(context, from, to, { width = 3, dash = [], colour = ink() } = {}) {
    Object.assign(context, { strokeStyle: colour, lineWidth: width, lineCap: "round" });
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    context.setLineDash([]);
  }
  /** A line on a ground of its own, so that it shows on any shade. */
  function boundary(context, from, to, style = {}) {
    stroke(context, from, to, { width: (style.width ?? 3) + 3, colour: paper() });
    stroke(context, from, to, style);
  }
  function label(context, words, [x, y], size = 26) {
    Object.assign(context, { font: `${size}px sans-serif`, textAlign: "center", textBaseline: "middle", lineWidth: 6,
      strokeStyle: paper(), fillStyle: ink() });
    context.strokeText(words, x, y);
    context.fillText(words, x, y);
  }

  function drawMap() {
    const context = map.getContext("2d");
    context.clearRect(0, 0, 2 * SIDE, 2 * SIDE);
    if (mode === "perceptron") drawPerceptron(context);
    else drawNetwork(context);
    for (const at of [-1, 0, 1]) {
      const [x] = toPixel([at, 0]);
      stroke(context, [x, 2 * SIDE], [x, 2 * SIDE - 12], { width: 2 });
      stroke(context, [0, x], [12, x], { width: 2 });
      if (at) {
        label(context, written(at), [x, 2 * SIDE - 28], 22);
        label(context, written(at), [28, 2 * SIDE - x], 22);
      }
    }
    label(context, "x₁", [2 * SIDE - 24, 2 * SIDE - 24]);
    label(context, "x₂", [24, 24]);
    points.X.forEach((x, i) => drawPoint(context, x, points.y[i], answer(x) !== points.y[i]));
    if (mode === "perceptron" && one.last) {
      const [x, y] = toPixel(points.X[one.last.at]);
      Object.assign(context, { strokeStyle: ink(), lineWidth: 3 });
      context.beginPath();
      context.arc(x, y, 24, 0, 7);
      context.stroke();
    }
    if (cursor) {
      const [x, y] = toPixel(cursor);
      boundary(context, [x - 18, y], [x + 18, y]);
      boundary(context, [x, y - 18], [x, y + 18]);
    }
  }

  /** A blue circle or an orange square; what is answered wrongly bears a cross. */
  function drawPoint(context, at, y, wrong) {
    const [px, py] = toPixel(at);
    Object.assign(context, { fillStyle: `rgb(${y > 0 ? BLUE : ORANGE})`, strokeStyle: ink(), lineWidth: 2.5 });
    context.beginPath();
    if (y > 0) context.arc(px, py, 10, 0, 7);
    else context.rect(px - 9, py - 9, 18, 18);
    context.fill();
    context.stroke();
    if (!wrong) return;
    for (const [a, b] of [[-1, -1], [-1, 1]]) {
      boundary(context, [px + 12 * a, py + 12 * b], [px - 12 * a, py - 12 * b], { width: 3 });
    }
  }

  function drawLine(context, weights, bias, style) {
    const ends = playground.lineEnds(weights, bias, EDGE);
    if (ends) boundary(context, ...ends.map(toPixel), style);
    return ends;
  }

  function drawPerceptron(context) {
    const { weights, bias, before } = one;
    shade(context, 2 * SIDE, over(GRID, (x) => 0.45 * playground.sign(playground.weighted(weights, bias, x))));
    if (before) drawLine(context, before.weights, before.bias, { width: 2.5, dash: [8, 12] });
    const ends = drawLine(context, weights, bias, { width: 5 });
    const length = Math.hypot(...weights);
    if (!ends || !length) return;
    // The arrow of the weights: it stands on the line and points to where the sum is above 0.
    const middle = [0, 1].map((k) => (ends[0][k] + ends[1][k]) / 2);
    const tip = middle.map((v, k) => v + (0.35 * weights[k]) / length);
    const [from, to] = [toPixel(middle), toPixel(tip)];
    boundary(context, from, to, { width: 4 });
    const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
    for (const turn of [-2.6, 2.6]) {
      stroke(context, to, [to[0] + 18 * Math.cos(angle + turn), to[1] + 18 * Math.sin(angle + turn)], { width: 4 });
    }
    label(context, "w", toPixel(middle.map((v, k) => v + (0.5 * weights[k]) / length)));
  }

  function drawNetwork(context) {
    const zs = over(GRID, output);
    shade(context, 2 * SIDE, zs.map((row) => row.map((z) => 2 * playground.sigmoid(z) - 1)));
    const first = net.layers[0];
    if (settings.hidden) {
      first.b.forEach((b, unit) => {
        const weights = first.W.map((row) => row[unit]);
        const ends = drawLine(context, weights, b, { width: 2.5, dash: [8, 12] });
        // Its number stands at the upper or right end, away from the scales.
        const end = ends?.sort((p, q) => q[0] + q[1] - p[0] - p[1])[0];
        if (end) label(context, String(unit + 1), toPixel(end.map((v) => v * 0.93)));
      });
    }
    drawZero(context, 2 * SIDE, zs, 5);
  }

  /** The line where numbers on a grid change their sign. */
  function drawZero(context, size, rows, width) {
    const cell = size / (rows.length - 2);
    for (const segment of playground.zeroLines(rows)) {
      stroke(context, ...segment.map((p) => p.map((v) => (v - 0.5) * cell)), { width });
    }
  }

  const unitMaps = make("div", { className: "figure-row neurons-units" });
  const SMALL = 24;

  /** A small map for each hidden unit: where it answers what, and its own line. */
  function drawUnits() {
    if (mode === "perceptron" || !settings.hidden) {
      unitMaps.replaceChildren();
      return;
    }
    const all = over(SMALL, (x) => playground.forward(net.layers, x, settings.activation));
    const { value } = playground.ACTIVATIONS[settings.activation];
    const wanted = settings.hidden * settings.units;
    if (unitMaps.childElementCount !== wanted) {
      unitMaps.replaceChildren(...Array.from({ length: wanted }, () =>
        make("figure", {}, make("canvas", { width: 144, height: 144, role: "img" }), make("figcaption", {}))));
    }
    [...unitMaps.children].forEach((element, n) => {
      const [layer, unit] = [Math.floor(n / settings.units), n % settings.units];
      const zs = all.map((row) => row.map((each) => each[layer][unit]));
      const [canvas, caption] = element.children;
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, 144, 144);
      const answers = zs.map((row) => row.map((z) => value(z) - (settings.activation === "sigmoid" ? 0.5 : 0)));
      const largest = Math.max(1e-9, ...answers.flat().map(Math.abs));
      shade(context, 144, answers.map((row) => row.map((a) => a / largest)));
      drawZero(context, 144, zs, 4);
      const { W, b } = net.layers[layer];
      const name = settings.hidden > 1 ? `layer ${layer + 1}, unit ${unit + 1}` : `unit ${unit + 1}`;
      const words = layer === 0
        ? `z = ${short(W[0][unit])} x₁${signed(W[1][unit])} x₂${signed(b[unit])}`
        : "reads the units of layer 1";
      caption.replaceChildren(make("b", {}, name), make("br"), words);
      canvas.setAttribute("aria-label", `${name}: ${words}`);
    });
  }

  const curve = make("canvas", { width: 640, height: 120, className: "neurons-curve", role: "img" });
  function drawCurve() {
    curve.hidden = mode === "perceptron" || net.losses.length < 2;
    if (curve.hidden) return;
    const context = curve.getContext("2d");
    context.clearRect(0, 0, 640, 120);
    const top = Math.max(...net.losses);
    net.losses.slice(1).forEach((loss, i) => {
      const at = (k, v) => [10 + (620 * k) / (net.losses.length - 1), 110 - (100 * v) / top];
      stroke(context, at(i, net.losses[i]), at(i + 1, loss), { width: 3 });
    });
    curve.setAttribute("aria-label",
      `The loss over ${plural(net.steps, "step")}: from ${short(net.losses[0])} to ${short(net.losses.at(-1))}.`);
  }

  // --- One step of the perceptron, written out ---

  const sum = make("p", { className: "figure-sum" });
  const score = make("p", { className: "figure-score" });

  /** Show the next example. Returns whether it was mistaken, or null where there is nothing left to learn. */
  function advance() {
    if (points.X.length === 0 || one.right >= points.X.length) return null;
    const { at } = one;
    const [x, y] = [points.X[at], points.y[at]];
    const step = playground.perceptronStep(one, x, y, perceptronSettings.rate);
    const wrong = step.error !== 0;
    one.last = { at, x, y, z: step.z, rate: perceptronSettings.rate, from: { weights: one.weights, bias: one.bias }, wrong };
    one.before = wrong ? { weights: one.weights, bias: one.bias } : null;
    Object.assign(one, { weights: step.weights, bias: step.bias, shown: one.shown + 1,
      mistakes: one.mistakes + wrong, right: wrong ? 0 : one.right + 1,
      at: wrong && perceptronSettings.restart ? 0 : (at + 1) % points.X.length });
    return wrong;
  }

  function nextExample() {
    if (advance() === null) {
      show();
      finished();
      return;
    }
    show();
    const { at, x, y, z, wrong } = one.last;
    news.say(`Example ${at + 1}, a ${NAMES[y]} at ${short(x[0])}, ${short(x[1])}: z = ${short(z)}, ${wrong ? "wrong; the line turns" : "right; nothing changes"}.`);
  }
  function nextMistake(count = 1) {
    const before = one.mistakes;
    for (let k = 0; k < 20000 && one.mistakes < before + count; k++) if (advance() === null) break;
    show();
    if (one.mistakes === before || one.right >= points.X.length) finished();
    else if (count === 1) {
      const { at, y } = one.last;
      news.say(`Mistake ${one.mistakes}: example ${at + 1} is a ${NAMES[y]}; the line has turned (dashed: where it was).`);
    } else news.say(`${one.mistakes} mistakes so far, and no end: is there a line at all?`);
  }
  function finished() {
    if (points.X.length === 0) {
      news.say("There is no point yet: click on the map.");
      return;
    }
    const { weights, bias } = playground.widestMargin(points.X, points.y);
    const bound = playground.mistakeBound(points.X, points.y, weights, bias);
    const promise = bound === null ? "" : ` For these points (R/γ)² is ${Math.floor(bound)}: begun at 0, in no order are there more.`;
    news.say(`No mistake left: ${plural(one.mistakes, "mistake")} in ${plural(one.shown, "example")}.${one.mistakes ? promise : ""}`);
  }

  function showPerceptron() {
    const { last } = one;
    if (last) {
      const [w1, w2] = last.from.weights;
      const factor = (v) => (v < 0 ? `(${short(v)})` : short(v));
      const lines = [
        `z = ${factor(w1)}·${factor(last.x[0])} + ${factor(w2)}·${factor(last.x[1])}${signed(last.from.bias)} = ${short(last.z)}, `
          + `so it answers ${written(playground.sign(last.z))}; the target is ${written(last.y)}.`,
      ];
      if (last.wrong) {
        const push = 2 * last.y * last.rate;
        lines.push(make("br"), `Wrong: w + ${factor(push)}·x = (${short(one.weights[0])}, ${short(one.weights[1])}), b${signed(push)} = ${short(one.bias)}.`);
      }
      sum.replaceChildren(...lines);
    } else sum.textContent = `w = (${short(one.weights[0])}, ${short(one.weights[1])}), b = ${short(one.bias)}. Show it an example.`;
    score.textContent = `Mistakes so far: ${one.mistakes}. On the wrong side now: ${mistaken()} of ${points.X.length}.`;
  }

  // --- The network trains ---

  const trainButton = frame.button("Train", () => (net.running ? stopped() : train()));

  function steps(count) {
    for (let k = 0; k < count; k++) {
      const [batch] = planned(1);
      net.queue.shift();
      const pick = (rows) => batch.map((i) => rows[i]);
      net.layers = playground.networkStep(net.layers, pick(points.X), pick(targets()), settings);
      net.steps++;
    }
    net.losses.push(lossNow());
    // A long history is thinned to every other value, the first and the last kept.
    if (net.losses.length > 400) net.losses = net.losses.filter((_, i) => i % 2 === 0 || i === net.losses.length - 1);
    if (Number.isFinite(net.losses.at(-1)) && net.losses.at(-1) < 1e6) return true;
    pause();
    news.say("The loss has run away: the steps are too long. Take a smaller rate and new weights.");
    return false;
  }
  const ready = () => {
    if (points.X.length) return true;
    news.say("There is no point yet: click on the map.");
    return false;
  };
  function oneStep() {
    if (!ready()) return;
    pause();
    if (!net.losses.length) net.losses.push(lossNow());
    if (steps(1)) news.say(`Step ${net.steps}: the loss is ${short(net.losses.at(-1))}, ${mistaken()} of ${points.X.length} wrong.`);
    show();
  }
  function train() {
    if (!ready()) return;
    if (!net.losses.length) net.losses.push(lossNow());
    if (calm.matches) {
      for (let k = 0; k < 50; k++) if (!steps(10)) break;
      show();
      if (Number.isFinite(net.losses.at(-1))) told("500 steps on");
      return;
    }
    net.running = true;
    trainButton.textContent = "Pause";
    news.say("It trains.");
    const mine = net;
    const tick = () => {
      if (!mine.running || mine !== net || !place.isConnected) return;
      const until = performance.now() + 12;
      do {
        if (!steps(2)) break;
      } while (performance.now() < until && net.steps % 20 !== 0);
      show();
      if (net.steps >= 20000) stopped();
      else requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }
  function pause() {
    net.running = false;
    trainButton.textContent = "Train";
  }
  const told = (when) => news.say(`${when}: the loss is ${short(net.losses.at(-1))}, ${mistaken()} of ${points.X.length} wrong after ${plural(net.steps, "step")}.`);
  function stopped() {
    pause();
    show();
    told("Paused");
  }
  function showNetwork() {
    const loss = points.X.length ? short(lossNow()) : "none yet";
    score.textContent = `Step ${net.steps}. Loss: ${loss}. On the wrong side: ${mistaken()} of ${points.X.length}.`;
  }

  // --- Numbers handed over: the same steps can be taken in Python ---

  const handed = make("textarea", { rows: 6, readOnly: true, className: "neurons-json", "aria-label": "The figure's numbers as JSON" });
  const handOver = make("details", {}, make("summary", {}, "These numbers as JSON"),
    make("p", {}, "The state as it is, an order of twenty steps from here (a perceptron's goes on after a mistake), and what this page makes of them. Keep it in a file, and take the same steps in Python:"),
    make("pre", {}, make("code", {}, 'import json\nfrom chapters.neurons.scratch import replay\n\ngiven = json.load(open("playground.json"))\nprint(replay(given)[-1])  # given["after"], number by number')),
    handed);
  function state() {
    const common = { X: points.X, y: points.y };
    let given;
    if (mode === "perceptron") {
      const order = points.X.length ? Array.from({ length: 20 }, (_, k) => (one.at + k) % points.X.length) : [];
      given = { kind: "perceptron", ...common, weights: one.weights, bias: one.bias, rate: perceptronSettings.rate, order };
    } else {
      const { rate, activation, loss } = settings;
      given = { kind: "network", ...common, layers: net.layers, rate, activation, loss, order: points.X.length ? planned(20) : [] };
    }
    return { ...given, after: playground.replay(given).at(-1) ?? null };
  }
  handOver.addEventListener("toggle", () => {
    if (handOver.open) handed.value = JSON.stringify(state());
  });

  // --- Controls ---

  function select(words, options, value, take) {
    const element = make("select", {}, ...options.map(([key, name]) => make("option", { value: key }, name)));
    element.value = value;
    element.addEventListener("change", () => take(element.value));
    return make("label", { className: "figure-field" }, words, " ", element);
  }
  /** Buttons of which one is pressed. */
  function choice(name, options, take) {
    const buttons = options.map(([value, words]) => frame.button(words, () => take(value), { "aria-pressed": "false" }));
    const mark = (chosen) => options.forEach(([value], i) => buttons[i].setAttribute("aria-pressed", String(value === chosen)));
    return { element: make("div", { className: "figure-row", role: "group", "aria-label": name }, ...buttons), mark };
  }
  const rate = (largest) => (text) => {
    const value = frame.number(text);
    if (value <= 0 || value > largest) throw new Error(`The rate lies above 0 and is at most ${largest} here. Received: ${text.trim()}.`);
    return value;
  };

  const modes = choice("Who learns", [["perceptron", "A perceptron"], ["network", "A network"]], (value) => {
    mode = value;
    pause();
    show();
    news.say(value === "perceptron"
      ? "A perceptron: one line, which turns with each mistake."
      : "A network: blue where it believes in circles, orange where in squares; the dashed lines are its first hidden units.");
  });
  const brushes = choice("A click puts", [[1, "● circle, +1"], [-1, "■ square, −1"], [0, "take away"]], (value) => setBrush(value));
  function setBrush(value, aloud = false) {
    brush = value;
    brushes.mark(brush);
    if (aloud) news.say(brush ? `The next point is a ${NAMES[brush]}.` : "Enter takes the nearest point away.");
  }
  const DATA = [["gap", "A gap"], ["xor", "XOR"], ["moons", "Moons"], ["circles", "Circles"]];
  const take = (data, words) => {
    pause();
    points = { X: data.X, y: data.y };
    freshPerceptron();
    freshNetwork();
    show();
    news.say(words);
  };
  const dataRow = make("div", { className: "figure-row", role: "group", "aria-label": "Points" },
    ...DATA.map(([name, words]) => frame.button(words, () => {
      seed++;
      take(playground.data(name, name === "gap" ? 24 : 60, seed), `New points: ${words.toLowerCase() === "xor" ? "XOR, circles and squares in opposite corners" : words.toLowerCase()}. Everything begins anew.`);
    })),
    frame.button("Empty", () => take({ X: [], y: [] }, "The map is empty: click on it.")));

  const csvProblem = make("p", { className: "figure-problem", role: "alert" });
  const csvText = make("textarea", { rows: 4, className: "neurons-json", "aria-label": "Rows of two numbers and a class",
    placeholder: "5.1,3.5,setosa\n6.4,3.2,versicolor" });
  const readText = () => {
    try {
      const data = playground.readCsv(csvText.value);
      csvProblem.textContent = "";
      take(data, `${data.X.length} points, scaled to the map. Circles are ${data.labels[1]}, squares ${data.labels[0]}.`);
    } catch (error) {
      csvProblem.textContent = error.message;
    }
  };
  const csvFile = make("input", { type: "file", accept: ".csv,.txt,text/csv", "aria-label": "A CSV file of yours" });
  csvFile.addEventListener("change", async () => {
    if (!csvFile.files.length) return;
    csvText.value = await csvFile.files[0].text();
    readText();
  });
  const csv = make("details", {}, make("summary", {}, "Your own CSV"),
    make("p", {}, "Two numbers and a class on each line; a heading may stand first. The file stays on your machine."),
    csvFile, csvText, csvProblem, frame.button("Read", readText));

  const lambda = frame.field({ label: "Rate λ", value: "1", read: rate(100), take: (value) => (perceptronSettings.rate = value) });
  const restart = make("input", { type: "checkbox" });
  restart.addEventListener("change", () => (perceptronSettings.restart = restart.checked));
  const perceptronPanel = make("div", {},
    make("div", { className: "figure-row" },
      frame.button("Next example", nextExample), frame.button("To the next mistake", () => nextMistake(1)),
      frame.button("A hundred mistakes", () => nextMistake(100)),
      frame.button("Begin again", () => {
        freshPerceptron();
        show();
        news.say("All weights are 0 again.");
      })),
    make("div", { className: "figure-row" }, lambda.element,
      make("label", { className: "figure-field" }, restart, " back to the first example after a mistake")),
    lambda.problem, sum);

  /** A setting that changes the network's shape begins it anew; others go on with the weights it has. */
  const set = (name, value, anew) => {
    settings[name] = value;
    net.queue = [];
    if (anew) {
      pause();
      freshNetwork();
    }
    // A loss is comparable with itself only.
    if (name === "loss" || name === "activation") net.losses = [];
    show();
  };
  const units = frame.field({ label: "Units in each", value: String(settings.units),
    read: (text) => {
      const value = frame.whole(1, "The number of units")(text);
      if (value > 8) throw new Error(`A layer has at most 8 units here. Received: ${value}.`);
      return value;
    },
    take: (value) => set("units", value, true) });
  const eta = frame.field({ label: "Rate η", value: written(settings.rate), read: rate(100), take: (value) => set("rate", value, false) });
  const networkPanel = make("div", {},
    make("div", { className: "figure-row" }, trainButton, frame.button("One step", oneStep),
      frame.button("New weights", () => {
        seed++;
        pause();
        freshNetwork();
        show();
        news.say("Other weights, drawn at random.");
      })),
    make("div", { className: "figure-row" },
      select("Hidden layers", [[0, "0"], [1, "1"], [2, "2"]], settings.hidden, (value) => set("hidden", Number(value), true)),
      units.element,
      select("Activation", ACTIVATIONS, settings.activation, (value) => set("activation", value, false)),
      select("Loss", Object.keys(playground.LOSSES).map((name) => [name, name]), settings.loss, (value) => set("loss", value, false)),
      eta.element,
      select("Batch", [["all", "all"], ["10", "10"], ["1", "1"]], settings.batch, (value) => set("batch", value, false))),
    units.problem, eta.problem, curve);

  function show() {
    modes.mark(mode);
    perceptronPanel.hidden = mode !== "perceptron";
    networkPanel.hidden = mode !== "network";
    if (mode === "perceptron") showPerceptron();
    else showNetwork();
    drawMap();
    drawUnits();
    drawCurve();
    if (handOver.open && !net.running) handed.value = JSON.stringify(state());
  }

  const style = make("style", {}, `
    .neurons-map { aspect-ratio: 1; background: var(--md-default-bg-color); border: 1px solid var(--md-default-fg-color--light);
      color: var(--md-default-fg-color); cursor: crosshair; display: block; max-width: 100%; touch-action: manipulation; width: ${SIDE}px; }
    .neurons-stage { align-items: flex-start; display: flex; flex-wrap: wrap; gap: .5rem 1rem; }
    .neurons-stage > * { max-width: 100%; }
    .md-typeset .neurons-help { font-size: .6rem; margin: .2em 0 0; max-width: ${SIDE}px; }
    .neurons-side { flex: 1 1 15rem; min-width: 0; }
    .md-typeset .neurons-units figure { margin: 0; max-width: 7.5rem; text-align: left; width: auto; }
    .neurons-units { margin-top: .6rem; }
    .md-typeset .neurons-units canvas { display: block; margin: 0; background: var(--md-default-bg-color); border: 1px solid var(--md-default-fg-color--light); width: 72px; }
    .md-typeset .neurons-units figcaption { font-size: .6rem; font-style: normal; margin: 0; max-width: none; text-align: left; }
    .neurons-curve { max-width: 100%; width: 320px; }
    .neurons-curve[hidden] { display: none; }
    .neurons-json { background: var(--md-default-bg-color); border: 1px solid var(--md-default-fg-color--light); box-sizing: border-box;
      color: var(--md-default-fg-color); display: block; font-family: var(--md-code-font-family, monospace); font-size: .65rem; width: 100%; }
    [data-figure="neurons"] pre { overflow-x: auto; }
    [data-figure="neurons"] select { background: var(--md-default-bg-color); border: 1px solid var(--md-default-fg-color--light);
      color: var(--md-default-fg-color); font: inherit; }
    [data-figure="neurons"] option { background: var(--md-default-bg-color); color: var(--md-default-fg-color); }
    [data-figure="neurons"] .md-button[aria-pressed="true"] { background: var(--figure-on); font-weight: 700; text-decoration: underline; }
    @media (forced-colors: active) { [data-figure="neurons"] .md-button[aria-pressed="true"] { border-width: 4px; } }
  `);
  place.append(style,
    make("p", { className: "figure-title" }, "The neuron playground"),
    modes.element, dataRow,
    make("div", { className: "neurons-stage" },
      make("div", {}, brushes.element, map,
        make("p", { className: "neurons-help" }, "Keyboard: arrows move a cross, Enter puts a point, C changes its class, Space takes a step.")),
      make("div", { className: "neurons-side" }, perceptronPanel, networkPanel, score, news.element)),
    unitMaps, csv, handOver);
  freshPerceptron();
  freshNetwork();
  setBrush(1);
  show();
  news.say("Show the perceptron its examples one by one. Or click on the map to put more points there.");

  // The map takes the page's colours: paint it again when they change.
  const repaint = () => (place.isConnected ? show() : colours.disconnect());
  const colours = new MutationObserver(repaint);
  colours.observe(document.body, { attributes: true, attributeFilter: ["data-md-color-scheme"] });
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) matchMedia(query).addEventListener("change", repaint);
});
