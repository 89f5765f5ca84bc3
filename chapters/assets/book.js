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

  const open = () => {
    mend();
    mount();
  };
  // Instant navigation puts the next page in place without loading it anew, and says so.
  open();
  window.document$?.subscribe(open);

  return { figure };
})();
