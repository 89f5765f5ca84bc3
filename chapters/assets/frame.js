// What every interactive figure is built from: elements, fields that explain themselves, news.

const frame = (() => {
  let count = 0;
  const unique = (name) => `${name}-${++count}`;

  /** Make an element: `make("button", { onclick }, "Next")`; names with - become attributes. */
  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
      else element[name] = value;
    }
    element.append(...children);
    return element;
  }

  /** A line that a screen reader reads out whenever `say` gives it new words. */
  function news() {
    const element = make("p", { className: "figure-news", role: "status", "aria-live": "polite" });
    return { element, say: (...words) => element.replaceChildren(...words) };
  }

  /**
   * A labelled field. `read` turns its text into a value or throws an Error, whose words then
   * stand beside the field; `take` is given good values only.
   */
  function field({ label, value, read, take, hidden = false, properties = {} }) {
    const id = unique("field");
    const problem = make("span", { id: `${id}-problem`, className: "figure-problem", role: "alert" });
    const input = make("input", {
      id, type: "text", value, autocomplete: "off", spellcheck: false,
      "aria-describedby": problem.id, ...(hidden && { "aria-label": label }), ...properties,
    });
    const complain = (words) => {
      problem.textContent = words;
      input.setAttribute("aria-invalid", Boolean(words));
    };
    input.addEventListener("input", () => {
      try {
        take(read(input.value));
        complain("");
      } catch (error) {
        complain(error.message);
      }
    });
    const name = hidden ? [] : [make("label", { for: id }, label)];
    return { element: make("span", { className: "figure-field" }, ...name, input), input, problem, complain };
  }

  /** Read a number, with a comma or a minus sign as people write them. */
  function number(text) {
    const tidy = text.trim().replace(",", ".").replace("−", "-");
    const value = Number(tidy);
    if (tidy === "" || !Number.isFinite(value)) {
      throw new Error(`A number is needed here. Received: ${text.trim() === "" ? "nothing" : `“${text}”`}.`);
    }
    return value;
  }

  /** Read a whole number from `least` on. */
  const whole = (least, name) => (text) => {
    const value = number(text);
    if (!Number.isInteger(value) || value < least) {
      throw new Error(`${name} is a whole number from ${least}. Received: ${text.trim()}.`);
    }
    return value;
  };

  /**
   * A grid of number fields, moved through with the arrow keys; `frameOf` rows of zeros around it.
   * `take` is given all rows whenever every cell holds a number; what it throws, and what a cell
   * cannot be read as, is said below the grid.
   */
  function numberGrid({ label, rows, take, frameOf = 0 }) {
    const problem = make("p", { className: "figure-problem", role: "alert", id: unique("problem") });
    const nameOf = (i, j) => `${label}, row ${i + 1}, column ${j + 1}`;
    const cells = rows.map((line, i) =>
      line.map((value, j) =>
        make("input", {
          type: "text", inputMode: "decimal", value: written(value), autocomplete: "off",
          "aria-label": nameOf(i, j), "aria-describedby": problem.id,
        }),
      ),
    );
    const readCell = (cell, i, j) => {
      try {
        cell.setAttribute("aria-invalid", "false");
        return number(cell.value);
      } catch (error) {
        cell.setAttribute("aria-invalid", "true");
        problem.textContent = `${nameOf(i, j)}: ${error.message}`;
        return NaN;
      }
    };
    const readAll = () => {
      problem.textContent = "";
      const values = cells.map((line, i) => line.map((cell, j) => readCell(cell, i, j)));
      if (problem.textContent) return;
      try {
        take(values);
      } catch (error) {
        problem.textContent = error.message;
      }
    };
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const move = (event, i, j) => {
      const [down, across] = steps[event.key] ?? [0, 0];
      const next = cells[i + down]?.[j + across];
      if (!next || next === event.target) return;
      event.preventDefault();
      next.focus();
      next.select();
    };
    cells.forEach((line, i) =>
      line.forEach((cell, j) => {
        cell.addEventListener("input", readAll);
        cell.addEventListener("keydown", (event) => move(event, i, j));
      }),
    );
    const zeros = (times) => Array.from({ length: times }, () => make("span", { className: "zero" }, "0"));
    const empty = Array.from({ length: frameOf }, () => zeros(rows[0].length + 2 * frameOf));
    const below = Array.from({ length: frameOf }, () => zeros(rows[0].length + 2 * frameOf));
    const framed = [...empty, ...cells.map((line) => [...zeros(frameOf), ...line, ...zeros(frameOf)]), ...below];
    const drawn = table(label, framed);
    return { element: make("div", { className: "figure-part" }, drawn, problem), cells, problem, drawn };
  }

  /** A table of elements or text under a caption. */
  function table(caption, rows) {
    const body = rows.map((line) => make("tr", {}, ...line.map((cell) => make("td", {}, cell))));
    return make("table", { className: "figure-grid" }, make("caption", {}, caption), make("tbody", {}, ...body));
  }

  /** A number as the page writes it: short, with a real minus sign. */
  function written(value, digits = 4) {
    const short = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(digits)));
    return short.replace("-", "−");
  }

  // --- Charts: lines over axes, told apart by their dashes as well as by their colours ---

  const SVG = "http://www.w3.org/2000/svg";

  /** Make an SVG element: `svg("path", { d }, ...children)`. */
  function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  /** A slider with its name before it and its value, in words, behind it. */
  function slider({ label, value, take, say = written, min = 0, max = 1, step = 0.01 }) {
    const id = unique("slider");
    const input = make("input", { id, type: "range", className: "figure-slider", min, max, step, value });
    const told = make("output", { htmlFor: id, "aria-live": "off" });
    const tell = () => {
      told.textContent = say(Number(input.value));
      input.setAttribute("aria-valuetext", told.textContent);
    };
    input.addEventListener("input", () => {
      tell();
      take(Number(input.value));
    });
    const set = (next, most = input.max) => {
      input.max = most;
      input.value = next;
      tell();
    };
    tell();
    return { element: make("span", { className: "figure-slide" }, make("label", { for: id }, label), input, told), input, set };
  }

  /** A box to tick. */
  function tick({ label, checked = false, take }) {
    const input = make("input", { type: "checkbox", checked });
    input.addEventListener("change", () => take(input.checked));
    return { element: make("label", { className: "figure-tick" }, input, ` ${label}`), input };
  }

  /** A choice among few: `options` are pairs of a value and its words. */
  function choice({ label, options, value, take }) {
    const id = unique("choice");
    const input = make("select", { id, className: "figure-choice" },
      ...options.map(([one, words]) => make("option", { value: one }, words)));
    input.value = value;
    input.addEventListener("change", () => take(input.value));
    return { element: make("span", {}, make("label", { for: id }, label), " ", input), input };
  }

  /** Round numbers from `low` to `high`, about five of them; powers of ten on a logarithmic axis. */
  function ticks(low, high, log) {
    if (log) {
      const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
      const by = Math.max(1, Math.ceil((last - first) / 5));
      return Array.from({ length: Math.floor((last - first) / by) + 1 }, (_, i) => 10 ** (last - i * by));
    }
    const rough = (high - low) / 5;
    const unit = 10 ** Math.floor(Math.log10(rough));
    const by = unit * [1, 2, 5, 10].find((times) => times * unit >= rough * 0.99);
    const first = Math.ceil(low / by - 1e-9);
    return Array.from({ length: Math.floor(high / by + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * by).toPrecision(6)));
  }

  const raised = (power) => [...String(power)].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]).join("");

  /** A number of any size in few signs: 0.52, 1,200, 3·10⁻⁹. */
  function short(value) {
    if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "?";
    const size = Math.abs(value);
    if (size === 0 || (size >= 0.001 && size < 100000)) return written(Number(value.toPrecision(3)));
    const [digits, power] = value.toExponential(1).split("e");
    return `${digits.replace("-", "−").replace(".0", "")}·10${raised(Number(power))}`;
  }

  /**
   * A chart of lines and, below it, a key with what each line says. `draw({ lines, x, y, at, marks })`
   * takes for each line its points, the ranges of both axes, where the reader stands, and marks
   * `[x, words]`. A line with `area` is filled down to zero; one with `dots` is drawn as dots.
   * `pick(x)` is called as the reader touches or drags.
   */
  function chart({ title, lines, names, log = false, pick, width = 380, height = 230 }) {
    const [left, right, top, bottom] = [46, 10, 14, 40];
    const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "figure-chart" });
    const keys = lines.map((line, i) => ({
      line,
      value: make("span", {}),
      sample: svg("svg", { viewBox: "0 0 26 10", class: "figure-chart figure-sample", "aria-hidden": "true" },
        line.dots ? svg("circle", { cx: 13, cy: 5, r: 4, class: `dot kind-${line.kind ?? i}` })
          : line.area ? svg("rect", { x: 1, y: 1, width: 24, height: 8, class: `area kind-${line.kind ?? i}` })
            : svg("path", { d: "M0 5H26", class: `line kind-${line.kind ?? i}` })),
    }));
    const key = make("ul", { className: "figure-key" },
      ...keys.map(({ line, sample, value }) => make("li", {}, sample, ` ${line.name} `, value)));
    let scale = { x: [0, 1], y: [0, 1] };
    const share = (value, [low, high], logarithmic) =>
      logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    const inside = (value) => Math.min(1.02, Math.max(-0.02, value));
    const across = (x) => left + (width - left - right) * share(x, scale.x, false);
    const down = (y) => top + (height - top - bottom) * (1 - inside(share(log ? Math.max(y, 1e-300) : y, scale.y, log)));
    const place = ([x, y]) => `${across(x).toFixed(1)} ${down(y).toFixed(1)}`;
    const floor = () => (log ? scale.y[0] : Math.max(0, scale.y[0]));

    function drawn({ line }, points, i) {
      const kind = `kind-${line.kind ?? i}`;
      const known = points.filter((point) => point.every(Number.isFinite));
      if (line.dots) return known.map(([x, y]) => svg("circle", { cx: across(x), cy: down(y), r: 5, class: `dot ${kind}` }));
      if (!known.length) return [];
      const path = known.map(place).join("L");
      if (!line.area) return [svg("path", { d: `M${path}`, class: `line ${kind}` })];
      const [first, last] = [known[0][0], known.at(-1)[0]];
      return [svg("path", { d: `M${place([first, floor()])}L${path}L${place([last, floor()])}Z`, class: `area ${kind}` })];
    }

    function draw({ lines: points, x, y, at, marks = [], values = [], words = "" }) {
      scale = { x, y };
      const frameOf = `M${left} ${top}V${height - bottom}H${width - right}`;
      drawing.replaceChildren(
        ...ticks(...y, log).flatMap((value) => [
          svg("path", { d: `M${left} ${down(value)}H${width - right}`, class: "grid" }),
          svg("text", { x: left - 5, y: down(value) + 4, "text-anchor": "end" },
            log ? `10${raised(Math.round(Math.log10(value)))}` : written(value)),
        ]),
        ...ticks(...x).map((value) =>
          svg("text", { x: across(value), y: height - bottom + 16, "text-anchor": "middle" }, written(value))),
        svg("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, names[0]),
        svg("path", { d: frameOf, class: "axis" }),
        ...keys.flatMap((one, i) => drawn(one, points[i] ?? [], i)),
        ...marks.flatMap(([where, said], i) => [
          svg("path", { d: `M${across(where)} ${top}V${height - bottom}`, class: "mark" }),
          svg("text", { x: across(where) + (across(where) > width - 110 ? -4 : 4), y: top + 10 + 16 * i,
            "text-anchor": across(where) > width - 110 ? "end" : "start" }, said),
        ]),
        ...(at === undefined ? [] : [svg("path", { d: `M${across(at)} ${top}V${height - bottom}`, class: "here" })]),
      );
      keys.forEach(({ value }, i) => { value.textContent = values[i] ?? ""; });
      drawing.setAttribute("aria-label", `${title}. ${words || keys.map(({ line }, i) => `${line.name} ${values[i] ?? ""}`).join(", ")}`);
    }

    if (pick) {
      drawing.classList.add("figure-drag");
      const take = (event) => {
        const box = drawing.getBoundingClientRect();
        const part = (((event.clientX - box.left) * width) / box.width - left) / (width - left - right);
        pick(scale.x[0] + Math.min(1, Math.max(0, part)) * (scale.x[1] - scale.x[0]));
      };
      drawing.addEventListener("pointerdown", (event) => {
        drawing.setPointerCapture(event.pointerId);
        take(event);
      });
      drawing.addEventListener("pointermove", (event) => {
        if (event.buttons) take(event);
      });
    }
    const element = make("div", { className: "figure-panel" },
      make("p", { className: "figure-label" }, names[1] ? `${title} (${names[1]})` : title), drawing, key);
    return { element, drawing, draw };
  }

  const button = (words, onclick, properties = {}) =>
    make("button", { type: "button", className: "md-button", onclick, ...properties }, words);

  return { make, news, field, number, whole, numberGrid, table, written, button, svg, slider, tick, choice, chart, short };
})();
