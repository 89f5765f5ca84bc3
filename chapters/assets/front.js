// The figure of the front page: a kernel slides over an image, and its map appears sum by sum.

book.figure("front", (place) => {
  const { make } = frame;

  // Intro to ML, chapter 12, slides this kernel over this image.
  const image = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]];
  const kernel = [[1, 0, 1], [0, 1, 0], [1, 0, 1]];
  const [rows, columns] = arithmetic.mapShape([image], [kernel], {});
  const map = arithmetic.featureMap([image], [kernel], {});
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let at = 0;
  let clock;

  const grid = (caption, values) => {
    const cells = values.map((line) => line.map((value) => make("span", {}, String(value))));
    return { element: frame.table(caption, cells), cells };
  };
  const left = grid("Image and kernel", image);
  const right = grid("Feature map", map);
  const news = frame.news();

  const show = () => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    left.cells.forEach((line, row) => line.forEach((cell, column) => {
      const weight = kernel[row - i]?.[column - j];
      cell.parentElement.classList.toggle("on", weight !== undefined);
      cell.replaceChildren(String(image[row][column]));
      if (weight !== undefined) cell.append(make("sub", {}, `×${weight}`));
    }));
    right.cells.forEach((line, row) => line.forEach((cell, column) => {
      const place = row * columns + column;
      cell.style.visibility = place <= at ? "visible" : "hidden";
      cell.parentElement.classList.toggle("on", place === at);
    }));
    news.say(`Slide, multiply, sum: row ${i + 1}, column ${j + 1} of the map is ${map[i][j]}.`);
  };
  const step = () => {
    at = (at + 1) % (rows * columns);
    show();
  };
  const stop = () => {
    clearInterval(clock);
    clock = undefined;
    playing.textContent = "Play";
    news.element.setAttribute("aria-live", "polite");
  };
  const play = () => {
    clock = setInterval(() => (place.isConnected ? step() : stop()), 1100);
    playing.textContent = "Pause";
    news.element.setAttribute("aria-live", "off"); // a film is not read out
  };
  const playing = frame.button("Pause", () => (clock ? stop() : play()));
  const next = frame.button("Next", () => {
    stop();
    step();
  });

  place.append(
    make("div", { className: "figure-row" }, left.element, right.element),
    news.element, make("p", {}, playing, " ", next),
  );
  show();
  if (still.matches) stop();
  else play();
});
