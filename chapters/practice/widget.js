// Switch the bits of a number in three formats; slide a loss scale under the gradients of LeNet-5.

book.figure("number-formats", (place) => {
  const { make, written } = frame;
  const NAMES = ["float32", "bfloat16", "float16"];
  const PARTS = { sign: "sign", e: "exponent", f: "fraction" };
  // Name, number, what there is to see; a number is rounded into the format that is chosen.
  const TRIES = [
    ["0.1", 0.1, "No format of powers of two has 0.1; each has a neighbour of it."],
    ["1", 1, "The gap behind 1 is the format's precision: 2⁻²³, 2⁻⁷ or 2⁻¹⁰."],
    ["257", 257, "bfloat16 has all whole numbers up to 256 and not those beyond: 257 becomes 256, and counting by ones stands still."],
    ["2049", 2049, "float16 has all whole numbers up to 2,048 and not those beyond: a sum of ones stands still there."],
    ["70,000", 70000, "From 65,520 on float16 overflows to infinity; bfloat16 goes as far as float32."],
    ["10⁻⁵", 1e-5, "Below 2⁻¹⁴ float16 is subnormal: the smaller the number, the fewer digits are left."],
    ["10⁻⁸", 1e-8, "Less than half of float16's smallest number, 2⁻²⁴: it underflows to 0."],
  ];

  const forced = matchMedia("(forced-colors: active)").matches;
  const news = frame.news();
  let name = "float16";
  let asked = 0.1; // what the formats round
  let pattern = formats.encode(name, asked);

  const svg = (tag, attributes = {}, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const raised = (power) => [...String(power)].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]).join("");

  /** A number with as many digits as a format can tell apart: 0.1 or 5.96·10⁻⁸. */
  function say(value, digits = 6) {
    if (Number.isNaN(value)) return "not a number";
    if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
    if (value === 0) return Object.is(value, -0) ? "−0" : "0";
    const size = Math.abs(value);
    if (size >= 1e-4 && size < 1e7) return written(value, digits);
    const [front, power] = value.toExponential(digits - 1).split("e");
    return `${String(Number(front)).replace("-", "−")}·10${raised(Number(power))}`;
  }
  const exact = (value) => say(value, 9);

  // --- Bits ---

  const bitsPlace = make("div", { className: "figure-row", style: "row-gap:0.3rem" });
  let bitButtons = [];
  function layBits() {
    const { bits, exponent, fraction } = formats.FORMATS[name];
    bitButtons = Array.from({ length: bits }, (_, i) => {
      const place = bits - 1 - i; // the power of two that the bit counts in the pattern
      const [part, number] = i === 0 ? ["sign", 0] : i <= exponent ? ["e", exponent - i] : ["f", i - exponent];
      const means = part === "sign" ? "sign" : part === "e" ? `exponent, ${2 ** number}` : `fraction, 2 to the −${number}`;
      return make("button", {
        type: "button", className: "figure-gate", "aria-label": means, style: "min-width:1.5em;padding:0.25em 0;font:inherit;color:inherit",
        onclick: () => {
          const on = Math.floor(pattern / 2 ** place) % 2 === 1;
          take(pattern + (on ? -1 : 1) * 2 ** place);
          tell(`${means[0].toUpperCase()}${means.slice(1)}: ${on ? 0 : 1}.`);
        },
      });
    });
    bitButtons.forEach((button, i) => button.addEventListener("keydown", (event) => {
      const next = bitButtons[i + ({ ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0)];
      if (!next || next === button) return;
      event.preventDefault();
      next.focus();
    }));
    const group = (part, from, to) => make("div", { role: "group", "aria-label": `${PARTS[part]} bits` },
      make("p", { className: "figure-label", "aria-hidden": "true" }, PARTS[part]), make("div", { style: "display:flex;flex-wrap:wrap;gap:1px" }, ...bitButtons.slice(from, to)));
    bitsPlace.replaceChildren(group("sign", 0, 1), group("e", 1, 1 + exponent), group("f", 1 + exponent, 1 + exponent + fraction));
  }

  const formula = make("p", { style: "overflow-wrap:anywhere" });
  const tablePlace = make("div", { className: "figure-part" });

  function draw() {
    const { bits, exponent, fraction, bias } = formats.FORMATS[name];
    bitButtons.forEach((button, i) => {
      const on = Math.floor(pattern / 2 ** (bits - 1 - i)) % 2 === 1;
      button.textContent = on ? "1" : "0";
      button.setAttribute("aria-pressed", on);
      button.classList.toggle("fixed", on);
    });
    const { sign, e, f } = formats.parts(name, pattern);
    const value = formats.decode(name, pattern);
    const minus = sign ? "−" : "";
    const share = f / 2 ** fraction;
    if (e === 2 ** exponent - 1) formula.textContent = `All exponent bits are 1: ${exact(value)}.`;
    else if (e === 0) formula.textContent = `${minus}2${raised(1 - bias)} · ${share ? say(share, 8) : 0} = ${exact(value)} (exponent bits all 0: ${f ? "subnormal" : "zero"})`;
    else formula.textContent = `${minus}2${raised(e - bias)} · (1 + ${share ? say(share, 8) : 0}) = ${exact(value)}`;
    const head = ["format", "holds", "off by", "next above", "largest", "smallest"].map((words) => make("th", { scope: "col" }, words));
    const rows = NAMES.map((one) => {
      const own = one === name ? pattern : formats.encode(one, asked);
      const held = formats.decode(one, own);
      const off = held === asked ? "0" : !Number.isFinite(held) || asked === 0 ? "all" : `${say((100 * Math.abs(held - asked)) / Math.abs(asked), 2)} %`;
      const next = formats.decode(one, formats.neighbour(one, own, true));
      const of = formats.FORMATS[one];
      return make("tr", {}, make("th", { scope: "row" }, one), ...[exact(held), off, exact(next), say(of.largest, 5), say(of.smallest, 3)].map((words) => make("td", {}, words)));
    });
    tablePlace.replaceChildren(make("table", { className: "figure-grid" },
      make("caption", {}, `${exact(asked)} in three formats`), make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
    if (document.activeElement !== field.input) field.input.value = exact(asked).replace("·10", "e").replace(/[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (sign) => "-0123456789"["⁻⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(sign)]);
  }

  /** Make a pattern the number; the other formats round what it stands for. */
  function take(to) {
    pattern = to;
    asked = formats.decode(name, pattern);
    draw();
  }
  /** Make a number the one that all formats round. */
  function ask(value) {
    asked = value;
    pattern = formats.encode(name, value);
    draw();
  }
  function tell(before = "") {
    const value = formats.decode(name, pattern);
    const rounded = value === asked || Number.isNaN(asked) ? "" : ` It was asked to hold ${exact(asked)}.`;
    news.say(`${before}${before && " "}${name} holds ${exact(value)}.${rounded}`);
  }

  const choose = make("select", { style: "font:inherit;color:inherit;background:var(--md-default-bg-color)" },
    ...NAMES.map((one) => make("option", { value: one }, one)));
  choose.value = name;
  choose.addEventListener("change", () => {
    name = choose.value;
    pattern = formats.encode(name, asked);
    layBits();
    draw();
    drawScale();
    tell();
  });
  const field = frame.field({
    label: "Number", value: "0.1", read: frame.number, take: (value) => { ask(value); tell(); }, properties: { className: "wide" },
  });
  const step = (up) => () => {
    take(formats.neighbour(name, pattern, up));
    tell();
  };

  // --- Loss scaling ---

  const WIDTH = 400;
  const HEIGHT = 230;
  const LOW = -44;
  const HIGH = 18;
  const times = Object.keys(lenet5Gradients);
  let when = times.at(-1);
  let scale = 0;
  const chart = svg("svg", { role: "img", style: "display:block;width:100%;max-width:26rem;height:auto" });
  const across = (k) => 10 + ((WIDTH - 20) * (k - LOW)) / (HIGH - LOW);
  const text = (words, attributes) => svg("text", { fill: "currentColor", "font-size": 13, ...attributes }, words);
  const percent = (share) => `${written(100 * share, share < 0.001 ? 1 : 3)} %`;
  const shares = () => formats.fate(lenet5Gradients[when], scale, name);
  const sentence = ({ zero, subnormal, infinite }) =>
    `${percent(zero)} become 0, ${percent(subnormal)} lose digits, ${percent(infinite)} become infinite`;

  function drawScale() {
    const { bias, fraction } = formats.FORMATS[name];
    const edges = { zero: -bias - fraction, normal: 1 - bias, infinite: bias + 1 };
    const counts = lenet5Gradients[when];
    const most = Math.max(...Object.values(counts));
    const bottom = HEIGHT - 40;
    const zone = (from, to, words, opacity) => {
      const [left, right] = [Math.max(from, LOW), Math.min(to, HIGH)];
      if (left >= right) return [];
      return [
        svg("rect", { x: across(left), y: 22, width: across(right) - across(left), height: bottom - 22, fill: "currentColor", "fill-opacity": forced ? 0 : opacity,
          stroke: "currentColor", "stroke-opacity": 0.5 }),
        text(words, { x: across((left + right) / 2), y: 14, "text-anchor": "middle" }),
      ];
    };
    const bars = Object.entries(counts).map(([k, count]) => {
      const at = Number(k) + scale;
      const kept = at >= edges.normal && at < edges.infinite;
      const high = Math.max(1, ((bottom - 30) * count) / most);
      return svg("rect", { x: across(at) + 0.5, y: bottom - high, width: across(1) - across(0) - 1, height: high,
        fill: forced ? (kept ? "CanvasText" : "none") : kept ? "#0072b2" : "#d55e00", stroke: forced ? "CanvasText" : "none" });
    });
    chart.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    chart.setAttribute("aria-label", `Gradients of LeNet-5 ${when}, times 2 to the ${scale}, in ${name}: ${sentence(shares())}.`);
    chart.replaceChildren(
      ...zone(-999, edges.zero, "0", 0.22), ...zone(edges.zero, edges.normal, "subnormal", 0.1), ...zone(edges.infinite, 999, "∞", 0.22),
      ...bars,
      svg("path", { d: `M${across(LOW)} ${bottom}H${across(HIGH)}`, stroke: "currentColor" }),
      ...[-40, -30, -20, -10, 0, 10].map((k) => text(`2${raised(k)}`, { x: across(k), y: bottom + 16, "text-anchor": "middle" })),
      text("absolute value of a gradient times the loss scale", { x: across(LOW), y: HEIGHT - 6 }),
    );
    scaleTold.textContent = `2${raised(scale)} = ${(2 ** scale).toLocaleString("en")}`;
    slider.setAttribute("aria-valuetext", `2 to the ${scale}`);
  }
  const tellScale = () => news.say(`Loss scale 2${raised(scale)} under ${name}, ${when}: ${sentence(shares())}.`);
  const scaleTold = make("span", { style: "display:inline-block;min-width:8em" });
  const slider = make("input", { type: "range", min: 0, max: 24, step: 1, value: 0, style: "width:9em", "aria-label": "Loss scale, as a power of 2" });
  slider.addEventListener("input", () => {
    scale = Number(slider.value);
    drawScale();
  });
  slider.addEventListener("change", tellScale);
  const early = make("select", { style: "font:inherit;color:inherit;background:var(--md-default-bg-color)" },
    ...times.map((one) => make("option", { value: one }, one)));
  early.value = when;
  early.addEventListener("change", () => {
    when = early.value;
    drawScale();
    tellScale();
  });

  place.append(
    make("p", { className: "figure-title" }, "Bits, and what they can hold"),
    make("p", {}, "Switch a bit, type a number, or step to its neighbours. The table rounds the same number into all three formats."),
    make("div", { className: "figure-row" }, make("label", {}, "Format ", choose), field.element,
      frame.button("Next below", step(false)), frame.button("Next above", step(true))),
    field.problem,
    make("div", { className: "figure-row" }, ...TRIES.map(([words, value, before]) => frame.button(words, () => {
      ask(value);
      tell(before);
    }))),
    bitsPlace, formula, tablePlace,
    make("p", { className: "figure-title" }, "A loss scale"),
    make("p", {}, "The gradients of LeNet-5's weights on 128 digits, by size; those that are exactly 0 are left out. Multiplying the loss by 2ⁿ moves all of them n places to the right, out of the reach of 0; too far, and some become infinite."),
    make("div", { className: "figure-row" },
      make("span", {}, make("span", { "aria-hidden": "true" }, "Loss scale "), slider, " ", scaleTold),
      make("label", {}, "Gradients ", early)),
    make("div", { className: "figure-row" }, chart),
    news.element,
  );
  layBits();
  draw();
  drawScale();
  tell();
});
