// The bench: mark the beats yourself, then choose what the detector's scores are worth.

book.figure("ecg-bench", (place) => {
  const { make, svg, written, short } = frame;
  const { strips, threshold, probabilities, classes, names } = ecgBench;
  const AF = names.indexOf("atrial fibrillation");
  const ill = [...classes].map((one) => Number(one) === AF);
  const shareOfData = ill.filter(Boolean).length / ill.length;
  const percent = (share, digits = 1) => (Number.isFinite(share) ? `${written(Number((100 * share).toFixed(digits)))} %` : "undefined");

  // --- First: the reader is the detector ---

  const RATE = 100;
  const [WIDTH, HEIGHT] = [1000, 190];
  let strip = 0;
  let marks = [];
  let compared = null;
  const marked = frame.news();
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "figure-chart figure-tap", role: "group",
    "aria-label": "Ten seconds of an ECG. Touch a beat to mark it, and once more to take the mark away." });
  const holder = make("div", { className: "figure-scroll", tabIndex: 0, role: "group", "aria-label": "The strip, to be scrolled" }, drawing);
  drawing.style.minWidth = "40rem";

  function drawStrip() {
    const { signal, beats } = strips[strip];
    const [low, high] = [Math.min(...signal), Math.max(...signal)];
    const y = (value) => 24 + ((HEIGHT - 48) * (high - value)) / (high - low);
    const path = signal.map((value, i) => `${i} ${y(value).toFixed(1)}`).join("L");
    const extra = new Set(compared?.extra);
    drawing.replaceChildren(
      ...Array.from({ length: 11 }, (_, second) => svg("path", { d: `M${100 * second} 0V${HEIGHT}`, class: "grid" })),
      ...Array.from({ length: 10 }, (_, second) => svg("text", { x: 100 * second + 3, y: HEIGHT - 4 }, `${second} s`)),
      svg("path", { d: `M${path}`, class: "line kind-0 thin" }),
      svg("path", { d: `M${here} 0V${HEIGHT}`, class: "mark" }),
      ...marks.map((mark) => svg("path", { d: `M${RATE * mark - 7} 4h14l-7 12z`, class: `area ${extra.has(mark) ? "kind-1" : "kind-2"}` })),
      ...(compared?.missed ?? []).map((beat) => svg("text", { x: RATE * beat, y: 16, "text-anchor": "middle" }, "missed")),
      ...[...extra].map((mark) => svg("text", { x: RATE * mark, y: 32, "text-anchor": "middle" }, "no beat")),
    );
  }

  let here = 0;
  /** Mark the beat near a place, or take its mark away. */
  function toggle(at) {
    const place = bench.snap(strips[strip].signal, at) / RATE;
    const before = marks.length;
    marks = marks.filter((mark) => Math.abs(mark - place) > 0.1);
    if (marks.length === before) marks = [...marks, place].sort((a, b) => a - b);
    compared = null;
    drawStrip();
    marked.say(`${marks.length} ${marks.length === 1 ? "mark" : "marks"}; the ${marks.length < before ? "one taken away was" : "last"} at ${written(place)} s.`);
  }
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    toggle(((event.clientX - box.left) * WIDTH) / box.width);
  });
  const cursor = frame.slider({
    label: "Place", min: 0, max: 9.99, step: 0.05, value: 0, say: (value) => `${written(value)} s`, take: (value) => {
      here = RATE * value;
      holder.scrollLeft = (here / WIDTH) * holder.scrollWidth - holder.clientWidth / 2;
      drawStrip();
    },
  });
  const chosen = frame.choice({
    label: "Strip", options: strips.map((_, i) => [i, String(i + 1)]), value: 0, take: (value) => {
      [strip, marks, compared] = [Number(value), [], null];
      drawStrip();
      marked.say("A new strip: mark its beats.");
    },
  });
  function compare() {
    const { beats, rhythm } = strips[strip];
    if (marks.length < 4) {
      marked.say(`Mark four beats or more: a rhythm is made of the times between them. You have ${marks.length}.`);
      return;
    }
    compared = bench.compare(marks, beats.map((beat) => beat / RATE));
    drawStrip();
    const { rate, rmssd, variation } = bench.rhythm(marks);
    marked.say(
      `The rule of the first page finds ${beats.length} beats; you missed ${compared.missed.length} of them and marked ${compared.extra.length} where it finds none. ` +
        `Your marks: ${Math.round(rate)} beats a minute, RMSSD ${short(rmssd)} s, the intervals vary by ${percent(variation, 0)}. The strip was made as “${rhythm}”.`,
    );
  }

  // --- Then: the detector's scores, a threshold, and the patients ---

  let state = { threshold, prevalence: shareOfData };
  const news = frame.news();
  const rates = make("div", { className: "figure-part" });
  const thousand = make("div", { className: "figure-part" });
  const area = { roc: null };
  const roc = frame.chart({
    title: "ROC curve", names: ["false alarms, share of the healthy", "share of the ill found"],
    lines: [{ name: "all thresholds" }, { name: "this one:", dots: true, kind: 1 }],
    pick: (x) => nearest((point) => Math.abs(point[0] - x), "roc"),
  });
  const pr = frame.chart({
    title: "Precision and recall", names: ["recall, share of the ill found", "precision"],
    lines: [{ name: "all thresholds" }, { name: "this one:", dots: true, kind: 1 }, { name: "alarms drawn by lot" }],
    pick: (x) => nearest((point) => Math.abs(point[0] - x), "pr"),
  });
  const sorted = [...new Set(probabilities)].sort((a, b) => b - a);

  /** Take the threshold whose point on a curve is nearest to where the reader points. */
  function nearest(distance, which) {
    const points = which === "roc" ? area.roc.roc.slice(1) : area.roc.pr;
    let best = 0;
    points.forEach((point, i) => { if (distance(point) < distance(points[best])) best = i; });
    sliders.threshold.set(sorted[best]);
    change({ threshold: sorted[best] });
  }

  const table = (caption, rows) => {
    const head = make("tr", {}, make("td", {}, ""), ...["alarm", "no alarm"].map((words) => make("th", { scope: "col" }, words)));
    const body = rows.map(([name, ...cells]) => make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell))));
    return make("table", { className: "figure-grid" }, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...body));
  };

  function change(changed) {
    state = { ...state, ...changed };
    const found = bench.judge(probabilities, ill, state.threshold, state.prevalence);
    area.roc = bench.curves(probabilities, ill, state.prevalence);
    const { sensitivity, specificity, precision, f1, prevalence = state.prevalence } = found;
    const of = (share) => written(Number((1000 * share).toFixed(1)));
    rates.replaceChildren(table(`${ill.length.toLocaleString("en")} recordings ≥ 10 s`, [
      ["AF", String(found.found), String(found.missed)], ["no AF", String(found.falseAlarms), String(found.spared)]]));
    thousand.replaceChildren(table(`Of 1,000 people, ${percent(prevalence)} of them ill`, [
      ["AF", of(prevalence * sensitivity), of(prevalence * (1 - sensitivity))],
      ["no AF", of((1 - prevalence) * (1 - specificity)), of((1 - prevalence) * specificity)]]));
    const dot = [1 - specificity, sensitivity];
    roc.draw({ lines: [area.roc.roc, [dot]], x: [0, 1], y: [0, 1],
      values: [`(area ${short(area.roc.area)})`, `${percent(sensitivity)} found, ${percent(1 - specificity)} false`] });
    pr.draw({ lines: [area.roc.pr, [[sensitivity, precision]], [[0, prevalence], [1, prevalence]]], x: [0, 1], y: [0, 1],
      values: [`(average precision ${short(area.roc.average)})`, percent(precision), percent(prevalence)] });
    news.say(
      `At a threshold of ${short(state.threshold)}, ${percent(sensitivity)} of the ill are found and ${percent(specificity)} of the healthy are left in peace. ` +
        (Number.isFinite(precision)
          ? `Where ${percent(prevalence)} are ill, ${percent(precision)} of the alarms are right; F1 is ${short(f1)}.`
          : "Nobody raises an alarm, so there is no precision."),
    );
  }
  const sliders = {
    threshold: frame.slider({ label: "Threshold", min: 0, max: 1, step: 0.001, value: threshold, say: short, take: (value) => change({ threshold: value }) }),
    prevalence: frame.slider({ label: "Prevalence", min: 0.005, max: 0.6, step: 0.001, value: shareOfData, say: percent, take: (prevalence) => change({ prevalence }) }),
  };
  const set = (changed) => {
    for (const [name, value] of Object.entries(changed)) sliders[name].set(value);
    change(changed);
  };

  place.append(
    make("p", { className: "figure-title" }, "Judge for yourself"),
    make("p", {}, "First be the detector: mark every beat of a strip (touch it, or move the place and press Mark), and compare."),
    make("div", { className: "figure-row" }, chosen.element, cursor.element,
      frame.button("Mark", () => toggle(here)),
      frame.button("Compare", compare),
      frame.button("Take all marks away", () => {
        [marks, compared] = [[], null];
        drawStrip();
        marked.say("No marks.");
      })),
    holder, marked.element,
    make("p", {}, "Now the book's detector. It gave each test recording a score for fibrillation, from 0 to 1. Choose the threshold, and where it is used; in both drawings you can drag, too."),
    make("div", { className: "figure-row" },
      frame.button("As in the data", () => set({ threshold, prevalence: shareOfData })),
      frame.button("Everybody's wrist", () => set({ prevalence: 0.01 })),
      frame.button("A cardiologist's waiting room", () => set({ prevalence: 0.5 }))),
    make("div", { className: "figure-row" }, sliders.threshold.element, sliders.prevalence.element),
    news.element,
    make("div", { className: "figure-row" }, rates, thousand),
    make("div", { className: "figure-row" }, roc.element, pr.element),
  );
  drawStrip();
  marked.say("No marks yet.");
  change({});
});
