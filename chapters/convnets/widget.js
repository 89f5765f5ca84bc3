// Draw a digit, and look at every feature map of LeNet-5 while you draw.

book.figure("convnets", (place) => {
  const { make, written } = frame;
  const SIDE = 140; // the drawing's pixels; the network sees 28
  const weights = arithmetic.lenetWeights(LENET5_WEIGHTS);
  const news = frame.news();
  const problem = make("p", { className: "figure-problem", role: "alert" });

  let answers = null; // what every layer says of the last drawing that had ink
  let picked = { layer: "C1", filter: 0, row: 12, column: 12 };

  // --- The pad: mouse, finger, pen, or arrow keys with the space bar as the pen ---

  const pad = make("canvas", {
    width: SIDE, height: SIDE, className: "figure-pad", tabIndex: 0, role: "application",
    "aria-label": "Drawing pad. Arrow keys move the pen, space puts it down or lifts it, Delete wipes the pad.",
  });
  const ink = pad.getContext("2d", { willReadFrequently: true });
  const pen = { row: 20, column: 70, down: false };
  const cursor = make("span", { className: "figure-pen", "aria-hidden": "true" });

  const wipe = () => {
    ink.fillStyle = "black";
    ink.fillRect(0, 0, SIDE, SIDE);
  };
  const line = (from, to) => {
    Object.assign(ink, { strokeStyle: "white", lineWidth: 12, lineCap: "round", lineJoin: "round" });
    ink.beginPath();
    ink.moveTo(...from);
    ink.lineTo(...to);
    ink.stroke();
  };
  const movePen = (column, row) => {
    const next = [Math.min(SIDE - 8, Math.max(8, column)), Math.min(SIDE - 8, Math.max(8, row))];
    if (pen.down) line([pen.column, pen.row], next);
    [pen.column, pen.row] = next;
    cursor.style.left = `${(100 * pen.column) / SIDE}%`;
    cursor.style.top = `${(100 * pen.row) / SIDE}%`;
    cursor.classList.toggle("down", pen.down);
    if (pen.down) read();
  };
  const under = (event) => {
    const box = pad.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height];
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    [pen.column, pen.row] = under(event);
    pen.down = true;
    movePen(pen.column, pen.row);
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.buttons && pen.down) movePen(...under(event));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    pad.addEventListener(end, () => {
      pen.down = false;
      movePen(pen.column, pen.row);
      tell();
    });
  }
  pad.addEventListener("keydown", (event) => {
    const by = { ArrowUp: [0, -10], ArrowDown: [0, 10], ArrowLeft: [-10, 0], ArrowRight: [10, 0] }[event.key];
    if (by) movePen(pen.column + by[0], pen.row + by[1]);
    else if (event.key === " ") {
      pen.down = !pen.down;
      movePen(pen.column, pen.row);
      pen.down ? news.say("The pen is down.") : tell();
    } else if (event.key === "Delete") startAgain();
    else return;
    event.preventDefault();
  });

  function startAgain() {
    wipe();
    pen.down = false;
    movePen(70, 20);
    news.say("The pad is empty. The maps still show the last drawing.");
  }

  // A digit for those who would rather look than draw.
  const SAMPLE = [[45, 35], [75, 22], [95, 38], [85, 60], [65, 68], [90, 74], [100, 98], [75, 118], [42, 108]];
  function drawSample() {
    wipe();
    SAMPLE.slice(1).forEach((point, i) => line(SAMPLE[i], point));
    read();
    tell();
  }

  /** Read the pad through the network; an empty pad is said so, and changes nothing. */
  function read() {
    const pixels = ink.getImageData(0, 0, SIDE, SIDE).data;
    const drawing = Float32Array.from({ length: SIDE * SIDE }, (_, i) => pixels[4 * i] / 255);
    const image = arithmetic.centred(drawing, SIDE);
    problem.textContent = image ? "" : "There is no ink on the pad yet: draw a digit from 0 to 9.";
    if (!image) return false;
    answers = arithmetic.lenet5(weights, image);
    show();
    return true;
  }

  /** Say in words what the network reads. */
  function tell() {
    if (!read()) return;
    const order = answers.output.map((p, digit) => [p, digit]).sort((a, b) => b[0] - a[0]);
    const [[first, digit], [second, other]] = order;
    const sure = (p) => `${Math.round(100 * p)} %`;
    news.say(`It reads a ${digit} (${sure(first)}); next comes ${other} (${sure(second)}).`);
  }

  // --- The maps: one canvas a layer, its maps side by side, any pixel to be picked ---

  const LAYERS = [
    { name: "C1", across: 6, zoom: 2, words: "C1: six maps of 28×28" },
    { name: "S2", across: 6, zoom: 4, words: "S2: six maps of 14×14" },
    { name: "C3", across: 8, zoom: 4, words: "C3: sixteen maps of 10×10" },
    { name: "S4", across: 8, zoom: 8, words: "S4: sixteen maps of 5×5" },
  ];
  const GAP = 2;

  const seen = make("canvas", { width: 256, height: 256, className: "figure-seen", role: "img",
    "aria-label": "What the network sees: the drawing, centred in 32×32 pixels, and in a frame what the picked value looks at." });
  const products = make("div", { className: "figure-products" });
  const bars = make("div", { className: "figure-bars" });

  for (const layer of LAYERS) {
    const canvas = make("canvas", { className: "figure-maps", tabIndex: 0, role: "application",
      "aria-label": `${layer.words}. Arrow keys move from pixel to pixel, Page Up and Page Down from map to map.` });
    layer.canvas = canvas;
    layer.element = make("div", {}, make("p", { className: "figure-label" }, layer.words), canvas);
    canvas.addEventListener("click", (event) => {
      if (!answers) return;
      const { width, channels } = answers[layer.name];
      const box = canvas.getBoundingClientRect();
      const cell = width * layer.zoom + GAP;
      const x = ((event.clientX - box.left) * canvas.width) / box.width;
      const y = ((event.clientY - box.top) * canvas.height) / box.height;
      const filter = Math.floor(y / cell) * layer.across + Math.floor(x / cell);
      const inside = (value) => Math.min(width - 1, Math.floor((value % cell) / layer.zoom));
      if (filter < channels) pick({ layer: layer.name, filter, row: inside(y), column: inside(x) });
    });
    canvas.addEventListener("focus", () => {
      if (answers && picked.layer !== layer.name) pick({ layer: layer.name, filter: 0, row: 2, column: 2 });
    });
    canvas.addEventListener("keydown", (event) => {
      const by = { ArrowUp: [-1, 0, 0], ArrowDown: [1, 0, 0], ArrowLeft: [0, -1, 0], ArrowRight: [0, 1, 0],
        PageUp: [0, 0, -1], PageDown: [0, 0, 1] }[event.key];
      if (!by || !answers) return;
      event.preventDefault();
      const { width, channels } = answers[layer.name];
      const within = (value, count) => Math.min(count - 1, Math.max(0, value));
      pick({
        layer: layer.name,
        row: within(picked.row + by[0], width),
        column: within(picked.column + by[1], width),
        filter: within(picked.filter + by[2], channels),
      });
    });
  }

  function pick(next) {
    picked = next;
    show();
    const { layer, filter, row, column } = picked;
    const value = valueAt(layer, row, column, filter);
    const [top, left, side] = arithmetic.receptiveField(layer, row, column);
    news.say(
      `${layer}, map ${filter + 1}, row ${row}, column ${column}: ${written(value, 3)}. ` +
        `It looks at rows ${top} to ${top + side - 1} and columns ${left} to ${left + side - 1} of the 32×32 image.`,
    );
  }

  const valueAt = (layer, row, column, filter) => {
    const { data, width, channels } = answers[layer];
    return data[(row * width + column) * channels + filter];
  };

  /** Paint numbers as greys, each `zoom` pixels wide. */
  function paint(context, width, zoom, left, top, greyOf) {
    for (let row = 0; row < width; row++) {
      for (let column = 0; column < width; column++) {
        context.fillStyle = greyOf(row, column);
        context.fillRect(left + column * zoom, top + row * zoom, zoom, zoom);
      }
    }
  }
  const grey = (share) => {
    const level = Math.round(255 * Math.min(1, Math.max(0, share)));
    return `rgb(${level} ${level} ${level})`;
  };
  const outline = (context, ...box) => {
    Object.assign(context, { strokeStyle: "#e69f00", lineWidth: 2 });
    context.strokeRect(...box);
  };

  function show() {
    for (const { name, across, zoom, canvas } of LAYERS) {
      const { data, width, channels } = answers[name];
      const cell = width * zoom + GAP;
      canvas.width = across * cell;
      canvas.height = Math.ceil(channels / across) * cell;
      const context = canvas.getContext("2d");
      const largest = data.reduce((a, b) => Math.max(a, b), 1e-9);
      for (let f = 0; f < channels; f++) {
        const corner = [(f % across) * cell, Math.floor(f / across) * cell];
        paint(context, width, zoom, ...corner, (row, column) => grey(valueAt(name, row, column, f) / largest));
        if (picked.layer === name && picked.filter === f) {
          outline(context, corner[0] + picked.column * zoom - 1, corner[1] + picked.row * zoom - 1, zoom + 2, zoom + 2);
        }
      }
    }
    const context = seen.getContext("2d");
    paint(context, 32, 8, 0, 0, (row, column) => grey(answers.input.data[row * 32 + column]));
    const [top, left, side] = arithmetic.receptiveField(picked.layer, picked.row, picked.column);
    outline(context, left * 8, top * 8, side * 8, side * 8);
    showProducts();
    bars.replaceChildren(...answers.output.map((p, digit) => {
      const bar = make("span", { className: "figure-bar" });
      bar.style.width = `${Math.max(1, 100 * p)}%`;
      return make("div", {}, make("b", {}, String(digit)), make("span", { className: "figure-track" }, bar),
        make("span", {}, `${(100 * p).toFixed(1)} %`));
    }));
  }

  /** The 25 or 150 products behind a value of C1 or C3; the four candidates behind one of S2, S4. */
  function showProducts() {
    const { layer, row, column, filter } = picked;
    const value = written(valueAt(layer, row, column, filter), 3);
    if (layer === "S2" || layer === "S4") {
      const below = layer === "S2" ? "C1" : "C3";
      const four = [0, 1].map((m) => [0, 1].map((n) => written(valueAt(below, 2 * row + m, 2 * column + n, filter), 3)));
      products.replaceChildren(frame.table(`The largest of four values of ${below} is ${value}`, four));
      return;
    }
    const { products: all, bias } = arithmetic.lenetTerms(weights, answers, layer, row, column, filter);
    const sum = all.reduce((total, term) => total + term.product, 0);
    const largest = Math.max(...all.map(({ product }) => Math.abs(product)), 1e-9);
    const channels = all.length / 25;
    const tables = Array.from({ length: channels }, (_, channel) => {
      const rows = Array.from({ length: 5 }, (_, m) => all.slice(channel * 25 + m * 5, channel * 25 + m * 5 + 5)
        .map(({ pixel, weight, product }) => {
          const words = channels === 1 ? written(Number(product.toFixed(2))) : "";
          const cell = make("span", { className: "product", title: `${written(pixel, 3)} · ${written(weight, 3)} = ${written(product, 3)}` }, words);
          cell.style.setProperty("--share", `${Math.round((90 * Math.abs(product)) / largest)}%`);
          cell.classList.add(product < 0 ? "minus" : "plus");
          return cell;
        }));
      return frame.table(channels === 1 ? "25 products" : `S2, map ${channel + 1}`, rows);
    });
    products.replaceChildren(
      make("p", {}, `${all.length} products add up to ${written(sum, 3)}; with the bias ${written(bias, 3)} and the ReLU: ${value}. Blue adds, orange takes away.`),
      make("div", { className: channels === 1 ? "figure-row" : "figure-row small" }, ...tables),
    );
  }

  place.append(
    make("p", { className: "figure-title" }, "Draw a digit"),
    make("div", { className: "figure-row" },
      make("div", { className: "figure-part" },
        make("p", { className: "figure-label" }, "Your drawing"),
        make("div", { className: "figure-padbox" }, pad, cursor),
        make("div", { className: "figure-row" },
          frame.button("Wipe", startAgain), frame.button("Read", tell), frame.button("Show me a 3", drawSample)),
        problem),
      make("div", { className: "figure-part" }, make("p", { className: "figure-label" }, "What the network sees"), seen),
      make("div", { className: "figure-part" }, make("p", { className: "figure-label" }, "What it reads"), bars),
    ),
    news.element,
    make("div", { className: "figure-scroll" }, ...LAYERS.map(({ element }) => element)),
    products,
  );
  drawSample();
  movePen(70, 20);
});
