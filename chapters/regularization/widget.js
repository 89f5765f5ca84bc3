// Scrub through a training: losses, weights and misread digits, epoch by epoch.

book.figure("training", (place) => {
  const { make, short } = frame;
  const { edge, width, labels, digits, films } = trainingFilms;
  const LAST = films.neither.loss.length - 1;
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  let state = { l2: false, dropout: false, stopping: false, patience: 5, epoch: 12 };
  let timer = 0;
  const news = frame.news();

  const film = () => films[state.l2 ? (state.dropout ? "both" : "L2") : state.dropout ? "dropout" : "neither"];
  // The first of the losses was measured before training.
  const stop = () => scrub.earlyStopping(film().val_loss.slice(1), state.patience);
  const end = () => (state.stopping ? stop().epoch : LAST);

  const losses = frame.chart({
    title: "Loss by epoch",
    names: ["epoch", "cross-entropy"],
    lines: [{ name: "training" }, { name: "validation" }],
    pick: (epoch) => go(Math.round(epoch)),
  });
  const weights = frame.chart({
    title: "How large the weights are",
    names: ["weight", "share of all, in %"],
    lines: [{ name: "now", area: true }, { name: "before training" }],
  });

  // Every digit has its place from the beginning; who is read rightly is not shown.
  const tiles = digits.map((image, number) => {
    const canvas = make("canvas", { width: 8, height: 8, "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    scrub.shades(image).forEach((shade, i) => {
      const grey = Math.round(255 * shade);
      context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
      context.fillRect(i % 8, Math.floor(i / 8), 1, 1);
    });
    const words = make("span", {});
    return { element: make("li", { hidden: true }, canvas, words), words, label: labels[number] };
  });
  const count = make("p", { className: "figure-label" });
  const misread = make("ul", { className: "figure-digits", tabIndex: 0, "aria-label": "Misread validation digits" },
    ...tiles.map(({ element }) => element));

  /** The highest bar of a film, so that its axis stands still. */
  const highest = ({ weights }) => Math.max(...weights.flatMap((counts) => {
    const total = counts.reduce((sum, one) => sum + one, 0);
    return counts.map((one) => (100 * one) / total);
  }));
  const bars = (counts) => {
    const total = counts.reduce((sum, one) => sum + one, 0);
    return counts.flatMap((one, i) => [-edge + i * width, -edge + (i + 1) * width].map((x) => [x, (100 * one) / total]));
  };

  function show() {
    const { loss, val_loss, by_heart, norm, answers, wrong } = film();
    const { epoch } = state;
    const to = end();
    const { best } = stop();
    const until = (values) => values.slice(0, to + 1).map((value, i) => [i, value]);
    losses.draw({
      lines: [until(loss), until(val_loss)], x: [0, LAST], y: [0, 2.4], at: epoch,
      marks: state.stopping ? [[best, `keeps ${best}`], [to, `${to === LAST && LAST - best < state.patience ? "ends" : "stops"} after ${to}`]] : [],
      values: [short(loss[epoch]), short(val_loss[epoch])],
    });
    weights.draw({
      lines: [bars(film().weights[epoch]), bars(film().weights[0])], x: [-edge, edge], y: [0, 1.05 * highest(film())],
      values: [`(norm ${short(norm[epoch])})`, `(norm ${short(norm[0])})`],
    });
    const wrongly = new Set(scrub.misread(answers[epoch], labels));
    tiles.forEach(({ element, words, label }, i) => {
      element.hidden = !wrongly.has(i);
      words.textContent = `${label} as ${answers[epoch][i]}`;
    });
    count.textContent = `Misread: ${wrongly.size} of ${labels.length} validation digits`;
    news.say(
      `${epoch ? `After epoch ${epoch}` : "Before training"}: loss ${short(loss[epoch])} in training, ${short(val_loss[epoch])} in validation. ` +
        `${wrongly.size} of ${labels.length} validation digits are misread. ` +
        `Of ${wrong} wrong labels it answers ${by_heart[epoch]} as they were given. The weights' norm is ${short(norm[epoch])}.`,
    );
  }

  function go(epoch) {
    state.epoch = Math.min(end(), Math.max(0, epoch));
    time.set(state.epoch, end());
    show();
  }
  const change = (changed) => {
    state = { ...state, ...changed };
    keep.disabled = !state.stopping;
    go(state.epoch);
  };

  function halt() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }
  const play = frame.button("Play", () => {
    if (timer) return halt();
    if (still.matches) return go(end());
    if (state.epoch === end()) go(0);
    play.textContent = "Pause";
    timer = setInterval(() => {
      if (!place.isConnected || state.epoch >= end()) halt();
      else go(state.epoch + 1);
    }, 150);
  });
  const keep = frame.button("Go to the weights that are kept", () => go(stop().best), { disabled: true });

  const time = frame.slider({
    label: "Epoch", min: 0, max: LAST, step: 1, value: state.epoch, take: (epoch) => {
      halt();
      go(epoch);
    },
  });
  const switches = [
    frame.tick({ label: "L2 penalty, λ = 0.01", take: (l2) => change({ l2 }) }),
    frame.tick({ label: "Dropout, rate 0.5", take: (dropout) => change({ dropout }) }),
    frame.tick({ label: "Early stopping", take: (stopping) => change({ stopping }) }),
  ];
  const patience = frame.choice({
    label: "with a patience of", options: [1, 3, 5, 10].map((value) => [value, String(value)]), value: state.patience,
    take: (value) => change({ patience: Number(value) }),
  });

  place.append(
    make("p", { className: "figure-title" }, "Scrub through a training"),
    make("div", { className: "figure-row" }, ...switches.map(({ element }) => element), patience.element),
    make("div", { className: "figure-row" }, time.element, play, keep),
    news.element,
    make("div", { className: "figure-row" }, losses.element, weights.element),
    count, misread,
  );
  go(state.epoch);
});
