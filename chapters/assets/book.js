// Brings to a page the scripts of its figures, and to no other; mends what the theme leaves out.

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

  /** What the theme leaves out: what scrolls takes the keyboard, and the search has a name. */
  const mend = () => {
    for (const wide of document.querySelectorAll("pre > code, .panel, div.arithmatex")) {
      wide.tabIndex = 0;
    }
    document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  };

  /** A notebook lies packed in its link: give it unpacked to whoever follows the link. */
  const unpack = async (event) => {
    const link = event.target.closest?.('a[download$=".gz"]');
    if (!link || !window.DecompressionStream) return;
    event.preventDefault();
    const packed = await fetch(link.href);
    const unpacked = new Response(packed.body.pipeThrough(new DecompressionStream("gzip")));
    const href = URL.createObjectURL(await unpacked.blob());
    const download = link.download.replace(/\.gz$/, "");
    Object.assign(document.createElement("a"), { href, download }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  };
  addEventListener("click", unpack);

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

  /** A word that the glossary explains shows the explanation when it is touched or reached. */
  const explained = (() => {
    const says = Object.assign(document.createElement("div"), { id: "term-says", className: "term-says", hidden: true });
    let shown = null;
    let leaving;
    const hide = () => {
      says.hidden = true;
      shown?.setAttribute("aria-expanded", "false");
      shown = null;
    };
    const show = (term) => {
      clearTimeout(leaving);
      if (shown === term) return;
      hide();
      shown = term;
      const more = Object.assign(document.createElement("a"), {
        href: new URL(`../glossary.html#term-${term.dataset.term}`, assets), textContent: "In the glossary",
      });
      says.replaceChildren(term.dataset.says, more);
      says.hidden = false;
      term.after(says); // next in the order of the keyboard, too
      term.setAttribute("aria-expanded", "true");
      const here = term.getBoundingClientRect();
      const frame = (says.offsetParent ?? document.body).getBoundingClientRect();
      const room = document.documentElement.clientWidth - says.offsetWidth - 8;
      says.style.left = `${Math.max(8, Math.min(here.left, room)) - frame.left}px`;
      says.style.top = `${here.bottom + 4 - frame.top}px`;
    };
    const later = () => {
      clearTimeout(leaving);
      leaving = setTimeout(hide, 300);
    };
    says.addEventListener("mouseenter", () => clearTimeout(leaving));
    says.addEventListener("mouseleave", later);
    addEventListener("keydown", ({ key }) => {
      if (key === "Escape") hide();
    });
    addEventListener("focusin", ({ target }) => {
      if (shown && target !== shown && !says.contains(target)) hide();
    });
    addEventListener("click", ({ target }) => {
      if (shown && target !== shown && !says.contains(target)) hide();
    });
    return (term) => {
      term.dataset.says = term.title;
      term.removeAttribute("title");
      term.tabIndex = 0;
      for (const [name, value] of [["role", "button"], ["aria-expanded", "false"]]) {
        term.setAttribute(name, value);
      }
      term.addEventListener("mouseenter", () => show(term));
      term.addEventListener("mouseleave", later);
      term.addEventListener("click", () => show(term));
      term.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        if (shown === term) hide();
        else show(term);
      });
    };
  })();

  /** The lesson as slides: key d, or the button under the title. */
  const slides = async () => {
    if (!document.querySelector("article h1")) return;
    await script("slides.js");
    book.slides.open();
  };
  addEventListener("keydown", (event) => {
    const writing = event.target.closest?.("input, textarea, select, [contenteditable], dialog");
    if (event.key !== "d" || writing || event.ctrlKey || event.metaKey || event.altKey) return;
    slides();
  });
  addEventListener("click", ({ target }) => target.closest?.("[data-slides]") && slides());

  const open = () => {
    mend();
    mount();
    document.querySelectorAll("abbr.term[title]").forEach(explained);
  };
  // Instant navigation puts the next page in place without loading it anew, and says so.
  open();
  window.document$?.subscribe(open);

  return { figure };
})();
