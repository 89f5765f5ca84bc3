// The book's checker in a web worker: Pyodide, NumPy and the book's own Python, loaded once.

import { loadPyodide } from "./python/pyodide.mjs";

const folder = new URL("python/", import.meta.url);

// Whatever is fetched is counted, and told at most ten times a second.
let loaded = 0;
let told = 0;
const { fetch } = self;
self.fetch = async (...asked) => {
  const answer = await fetch(...asked);
  const counted = new TransformStream({
    transform(part, sink) {
      loaded += part.byteLength;
      if (performance.now() - told > 100) {
        told = performance.now();
        postMessage({ loaded });
      }
      sink.enqueue(part);
    },
  });
  return new Response(answer.body?.pipeThrough(counted), answer);
};

/** Fetch a file of the folder, or say which one did not come. */
const file = async (name) => {
  const answer = await self.fetch(new URL(name, folder));
  if (!answer.ok) throw new Error(`${name} did not come (${answer.status}).`);
  return answer;
};

const ready = (async () => {
  const plan = await (await file("files.json")).json();
  postMessage({ total: plan.bytes });
  const book = file("book.zip").then((answer) => answer.arrayBuffer());
  const python = await loadPyodide({
    indexURL: folder.href,
    packages: plan.packages,
    env: { HOME: "/home/pyodide", PYTHONHASHSEED: "0" },
    // What an answer prints is caught and shown; the rest goes nowhere, as in the terminal.
    stdout: () => {},
    stderr: () => {},
  });
  python.unpackArchive(await book, "zip", { extractDir: "/book" });
  python.runPython("import sys; sys.path.insert(0, '/book')");
  const page = python.pyimport("companion.checking.judging.page");
  postMessage({ ready: true });
  return page;
})();
ready.catch(() => {}); // it is told to whoever asks

/** What a Python error says, without where it was raised. */
const words = (error) =>
  String(error.message).trim().split("\n").at(-1).replace(/^[\w.]+(Error|Exception): /, "");

onmessage = async ({ data: { call, given } }) => {
  try {
    const page = await ready;
    const began = (seconds, report) => postMessage({ seconds, report: JSON.parse(report) });
    const answer = call === "checked" ? page.checked(...given, 0, began) : page[call](...given);
    postMessage({ answer: JSON.parse(answer) });
  } catch (error) {
    // After anything but an exception of Python's, this worker is of no more use.
    postMessage({ failed: words(error), lost: error.name !== "PythonError" });
  }
};
