// Material for MkDocs fetches its search engine and an index of half a megabyte with every page. Here
// both wait until a reader turns to the search, as the index does where a page is opened from disk.

(() => {
  const material = document.querySelector('meta[name="generator"][content*="material"]');
  if (!material || location.protocol === "file:") return;

  const turnedTo = new Promise((begin) => {
    for (const sign of ["focusin", "change"]) {
      addEventListener(sign, ({ target }) => target.closest?.("#__search, .md-search") && begin());
    }
  });

  const { open, send } = XMLHttpRequest.prototype;
  const waiting = new WeakSet();
  XMLHttpRequest.prototype.open = function (method, address, ...rest) {
    if (/\/search_index\.json$/.test(address)) waiting.add(this);
    open.call(this, method, address, ...rest);
  };
  XMLHttpRequest.prototype.send = function (...body) {
    if (waiting.has(this)) turnedTo.then(() => send.apply(this, body));
    else send.apply(this, body);
  };

  const { Worker } = window;
  window.Worker = function (address) {
    const standIn = new EventTarget();
    const engine = turnedTo.then(() => {
      const worker = new Worker(address);
      worker.onmessage = ({ data }) => standIn.dispatchEvent(new MessageEvent("message", { data }));
      return worker;
    });
    standIn.postMessage = (message) => engine.then((worker) => worker.postMessage(message));
    return standIn;
  };
})();
