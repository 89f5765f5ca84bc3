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

  const button = (words, onclick, properties = {}) =>
    make("button", { type: "button", className: "md-button", onclick, ...properties }, words);

  return { make, news, field, number, whole, numberGrid, table, written, button };
})();
