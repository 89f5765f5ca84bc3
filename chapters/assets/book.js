// Brings to a page what it needs, and to no other: KaTeX for mathematics, scripts for its figures.

const book = (() => {
  const assets = new URL(".", document.currentScript.src);
  const arriving = new Map();

  /** Load a script once; the promise is kept when it has run. */
  const script = (address) => {
    const url = new URL(address, assets).href;
    if (!arriving.has(url)) {
      arriving.set(url, new Promise((loaded, failed) => {
        const element = Object.assign(document.createElement("script"), { src: url });
        element.onload = loaded;
        element.onerror = () => failed(new Error(`${url} did not load.`));
        document.head.append(element);
      }));
    }
    return arriving.get(url);
  };

  const typeset = async () => {
    const formulas = document.querySelectorAll(".arithmatex:not([data-typeset])");
    if (!formulas.length) return;
    for (const element of formulas) element.dataset.typeset = "";
    if (!document.querySelector("link[data-katex]")) {
      const style = Object.assign(document.createElement("link"), {
        rel: "stylesheet", href: new URL("katex/katex.min.css", assets),
      });
      style.dataset.katex = "";
      document.head.append(style);
    }
    await script("katex/katex.min.js");
    for (const element of formulas) {
      const source = element.textContent.trim().replace(/^\\[([]|\\[)\]]$/g, "");
      katex.render(source, element, { displayMode: element.tagName === "DIV", throwOnError: false });
      // What is wider than a phone can be scrolled, also by keyboard.
      element.querySelector(".katex-display")?.setAttribute("tabindex", "0");
    }
  };

  /** What the theme leaves out: what scrolls takes the keyboard, and the search has a name. */
  const mend = () => {
    for (const wide of document.querySelectorAll("pre > code, .figure")) wide.tabIndex = 0;
    document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  };

  const makers = new Map();

  /** A chapter's script says by this how the figure of a name is put into an empty element. */
  const figure = (name, make) => makers.set(name, make);

  /** Put every figure into its place: `<div data-figure="name" data-scripts="widget.js">`. */
  const mount = async () => {
    const page = location.href;
    for (const place of document.querySelectorAll("[data-figure]:not([data-mounted])")) {
      place.dataset.mounted = "";
      await script("arithmetic.js");
      await script("frame.js");
      for (const file of place.dataset.scripts.split(" ")) await script(new URL(file, page));
      place.replaceChildren();
      makers.get(place.dataset.figure)(place);
    }
  };

  const open = () => {
    mend();
    typeset();
    mount();
  };
  // Instant navigation puts the next page in place without loading it anew, and says so.
  open();
  window.document$?.subscribe(open);

  return { figure };
})();
