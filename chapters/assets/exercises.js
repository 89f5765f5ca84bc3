// Exercises answered in the page: an editor, the book's own checker in a web worker, and what was
// written kept in this browser. A site that was built with Python (COMPANION_PYODIDE) has this.

(() => {
  const assets = new URL(".", document.currentScript.src);
  const IMPORT = "import numpy as np\n\n\n";
  const PROGRESS = "companion/progress";

  /** Make an element: `make("p", { className }, "words")`; names with - become attributes. */
  const make = (tag, properties = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name.includes("-") || name === "role") element.setAttribute(name, value);
      else element[name] = value;
    }
    element.append(...children);
    return element;
  };
  const button = (words, onclick) => make("button", { type: "button", className: "md-button", onclick }, words);

  // ---- what this browser keeps ------------------------------------------------------------------

  const kept = {
    get(key) {
      try {
        return localStorage.getItem(key);
      } catch {
        return null;
      }
    },
    keys() {
      try {
        return Object.keys(localStorage);
      } catch {
        return [];
      }
    },
    /** Keep a value and say whether that was possible: a browser may keep nothing, or be full. */
    set(key, value) {
      try {
        localStorage.setItem(key, value);
        return true;
      } catch {
        return false;
      }
    },
  };
  const answerKey = (name) => `companion/answer/${name}`;
  const answers = (chapter) => {
    const keys = kept.keys().filter((key) => key.startsWith(answerKey(`${chapter}.`)));
    return Object.fromEntries(keys.map((key) => [key.split(".")[1], kept.get(key)]));
  };

  const remembered = () => (kept.get(PROGRESS) ?? "").replace(/[^\n]$/, "$&\n"); // one that was torn ends, too
  const remember = (name, event) => {
    kept.set(PROGRESS, remembered() + progress.line(name.replace(".", "/"), event));
    marks();
  };
  const standing = (name) => progress.standings(remembered()).get(name.replace(".", "/")) ?? {};

  /** Write beside each link to an exercise, and in its place, how it stands. */
  const marks = () => {
    const found = progress.standings(remembered());
    for (const mark of document.querySelectorAll("[data-mark]")) {
      const { passed, solution } = found.get(mark.dataset.mark.replace(".", "/")) ?? {};
      mark.textContent = `${passed ? "✓ passed" : ""}${solution ? " (solution seen)" : ""}`;
    }
    for (const solver of document.querySelectorAll("[data-solves]")) {
      const { passed } = found.get(solver.dataset.solves.replace(".", "/")) ?? {};
      solver.textContent = passed ? "Another way" : "Show the solution";
    }
  };

  // ---- Python -----------------------------------------------------------------------------------

  const python = (() => {
    let worker = null;
    let state = { loaded: 0, total: 0, ready: false };
    let last = Promise.resolve();
    const watchers = new Set();

    const begin = () => {
      state = { loaded: 0, total: 0, ready: false };
      const mine = new Worker(new URL("python.mjs", assets), { type: "module" });
      mine.addEventListener("message", ({ data }) => {
        if (!("loaded" in data || "total" in data || "ready" in data)) return;
        Object.assign(state, data);
        for (const watch of watchers) watch(state);
      });
      mine.addEventListener("error", () => worker === mine && end());
      return (worker = mine);
    };
    const end = () => {
      worker?.terminate();
      worker = null;
    };

    const lost = (words) =>
      state.ready
        ? `Your answer ended Python (${words}). It begins anew with your next check.`
        : `Python could not be loaded: ${words || "no answer"}. Try again, or check in the terminal.`;

    /** Have one request answered; the worker is ended if that takes longer than it says. */
    const run = (call, given, control) =>
      new Promise((resolve, reject) => {
        const mine = worker ?? begin();
        let clock;
        const settle = (how, value) => {
          clearTimeout(clock);
          mine.onmessage = mine.onerror = null;
          how(value);
        };
        const stop = (how, value) => {
          settle(how, value);
          end();
          begin(); // ready for what is asked next
        };
        if (control) control.stop = () => stop(reject, new Error("Stopped."));
        mine.onmessage = ({ data }) => {
          if ("seconds" in data) {
            clearTimeout(clock);
            clock = setTimeout(() => stop(resolve, data.report), 1000 * data.seconds);
          } else if ("failed" in data) {
            settle(reject, new Error(data.lost ? lost(data.failed) : data.failed));
            if (data.lost) end();
          } else if ("answer" in data) settle(resolve, data.answer);
        };
        mine.onerror = (event) => {
          event.preventDefault();
          settle(reject, new Error(lost(event.message ?? "")));
        };
        mine.postMessage({ call, given });
      });

    return {
      /** Begin to load it, if that was not done. */
      warm: () => void (worker ?? begin()),
      /** Call a function of `companion.checking.judging.page`, after those that were asked before. */
      ask: (call, given, control) => {
        const next = () => run(call, given, control);
        return (last = last.then(next, next));
      },
      /** Be told how far it has come, from now on. */
      watch: (watcher) => {
        watchers.add(watcher);
        watcher(state);
      },
    };
  })();

  // ---- one exercise -----------------------------------------------------------------------------

  const open = new Map(); // editors by the whole names of their exercises

  /** What a browser lacks to run Python, or nothing. */
  const lack = () => {
    if (location.protocol === "file:") return "This page was opened from disk, where browsers run no Python.";
    if (!window.WebAssembly || !window.Worker) return "This browser runs no Python.";
    return "";
  };

  const mount = (place) => {
    const name = place.dataset.exercise;
    if ("keras" in place.dataset) return; // the page says so itself
    if (lack()) {
      place.prepend(make("p", {}, lack()));
      return;
    }
    const mark = make("span", { className: "answer-mark" });
    mark.dataset.mark = name;
    const words = kept.get(answerKey(name)) === null ? "Answer it here" : "Go on with your answer";
    const opener = button(words, async () => {
      opener.disabled = true;
      try {
        await begin(place, name);
        opener.parentElement.remove();
      } catch (error) {
        opener.disabled = false;
        place.prepend(make("p", { role: "alert" }, `The editor could not be loaded. ${error.message}`));
      }
    });
    opener.setAttribute("aria-label", `${words}: ${name.split(".")[1]}`);
    place.prepend(make("div", { className: "answer-row" }, opener, mark));
  };

  /** Put an editor into the place of an exercise, and let Python load meanwhile. */
  const begin = async (place, name) => {
    const { edit } = await import(new URL("editor.mjs", assets));
    const own = name.split(".")[1];
    const exercise = place.closest(".exercise");
    const stub = IMPORT + exercise.querySelector("[data-copy]").dataset.copy;
    const help = make("p", { id: `help-${name.replace(".", "-")}`, className: "answer-help" },
      "Ctrl+Enter checks. Tab indents; after Escape, Tab leaves the editor.");
    const loading = make("p", { className: "answer-loading" });
    const verdict = make("div", { className: "answer-verdict", role: "status" });
    const other = make("div", { className: "answer-solution" });
    const control = {};

    const warn = (could) => {
      if (!could) say("", "This browser keeps nothing: copy your answer before you leave.");
    };
    const say = (status, ...parts) => {
      verdict.className = `answer-verdict ${status}`;
      verdict.replaceChildren(...parts);
    };
    const failed = (error) => say("error", error.message);

    const check = async () => {
      if (checker.disabled) return;
      checker.disabled = true;
      stopper.hidden = false;
      say("", "Checking …");
      try {
        const report = await python.ask("checked", [name, editor.text()], control);
        show(report.verdicts[0]);
      } catch (error) {
        if (error.message === "Stopped.") say("", "Stopped.");
        else failed(error);
      }
      checker.disabled = false;
      stopper.hidden = true;
    };
    const show = ({ status, message, details }) => {
      if (status === "pass" && !standing(name).passed) remember(name, "passed");
      say(status, make("b", {}, status.replace("_", " ")), ` ${message}`);
      if (details) verdict.append(make("pre", { tabIndex: 0 }, details));
    };

    const checker = button("Check", check);
    const stopper = button("Stop", () => control.stop?.());
    stopper.hidden = true;
    const hints = [...exercise.querySelectorAll("details.question")];
    const hinter = button("Hint", () => {
      const next = hints.find((hint) => !hint.open) ?? hints.at(-1);
      next.open = true;
      next.querySelector("summary").focus();
    });
    const solver = button("", async () => {
      try {
        const source = await python.ask("solution", [name]);
        remember(name, "solution");
        other.replaceChildren(make("pre", { tabIndex: 0 }, make("code", {}, source)));
      } catch (error) {
        failed(error);
      }
    });
    solver.dataset.solves = name;
    const again = button("Start over", () => {
      if (confirm(`Throw away your answer to ${own}?`)) editor.write(stub);
    });

    const box = make("div", { className: "answer-editor" });
    const helped = hints.length ? [hinter, solver] : [solver];
    const mark = place.querySelector(".answer-mark");
    const row = make("div", { className: "answer-row" }, checker, stopper, ...helped, again, mark);
    place.prepend(make("div", { className: "answer" }, box, help, row, loading, verdict, other));
    const editor = edit({
      place: box, label: `Your answer to ${own}`, help: help.id, check,
      text: kept.get(answerKey(name)) ?? stub,
      changed: (text) => warn(kept.set(answerKey(name), text)),
    });
    open.set(name, editor);
    marks();
    editor.focus();
    python.watch(({ loaded, total, ready }) => {
      const share = total ? Math.min(99, Math.floor((100 * loaded) / total)) : 0;
      const size = (total / 1e6).toFixed(0);
      loading.textContent = ready ? "" : `Python is loading: ${share} %${total ? ` of ${size} MB` : ""}`;
    });
    python.warm();
  };

  // ---- files: a chapter's answers, and what was passed --------------------------------------------

  const give = (name, text, type) => {
    const href = URL.createObjectURL(new Blob([text], { type }));
    make("a", { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  };

  /** A row that writes a file and reads one; both actions return what is then said below it. */
  const exchange = ([writes, write], [reads, read], accept) => {
    const news = make("p", { role: "status" });
    const told = async (action, ...given) => {
      news.textContent = "One moment …";
      try {
        news.replaceChildren(...(await action(...given)));
      } catch (error) {
        news.textContent = error.message;
      }
      news.scrollIntoView({ block: "nearest" });
    };
    const chooser = make("input", { type: "file", accept, hidden: true, "aria-label": reads });
    chooser.onchange = () => {
      const [file] = chooser.files;
      if (file) told(read, file).finally(() => (chooser.value = "")); // the same file, mended, is a change
    };
    const row = [button(writes, () => told(write)), button(reads, () => chooser.click()), chooser];
    return [make("div", { className: "answer-row" }, ...row), news];
  };

  const answersOf = (chapter) => {
    const take = async () => {
      const written = answers(chapter);
      if (!Object.keys(written).length) return ["There is no answer to take along yet."];
      const [text, notes] = await python.ask("answer_file", [chapter, JSON.stringify(written)]);
      give(`${chapter}.py`, text, "text/x-python");
      return ["Check it in the terminal: ", make("code", {}, `companion check ${chapter}.py`), ...notes.map((note) => ` ${note}`)];
    };
    const bring = async (file) => {
      const brought = await python.ask("answers_in", [chapter, await file.text()]);
      const names = Object.keys(brought);
      const own = answers(chapter);
      const lost = names.filter((name) => name in own && own[name] !== brought[name]);
      if (lost.length && !confirm(`Replace what you wrote here for ${lost.join(", ")}?`)) return ["Nothing was changed."];
      for (const name of names) {
        if (!kept.set(answerKey(`${chapter}.${name}`), brought[name])) return ["This browser keeps nothing."];
        open.get(`${chapter}.${name}`)?.write(brought[name]);
      }
      return [names.length ? `Brought: ${names.join(", ")}.` : "No exercise of this chapter is answered in that file."];
    };
    return exchange(
      [`Take your answers along as ${chapter}.py`, take], ["Bring answers from a file", bring], ".py,text/x-python",
    );
  };

  const PROGRESS_FILE = "progress.json";
  const progressOf = () => {
    const passed = (found) => [...found].filter(([, { passed }]) => passed).map(([name]) => name);
    const save = () => {
      const found = progress.standings(remembered());
      if (!found.size) return ["There is no progress to save yet."];
      give(PROGRESS_FILE, progress.written(found), "application/json");
      return [`${passed(found).length} passed. In the terminal: `, make("code", {}, `companion progress --load ${PROGRESS_FILE}`)];
    };
    const load = async (file) => {
      const bytes = await progress.bytes(file);
      let brought;
      try {
        brought = progress.parsed(bytes);
      } catch (error) {
        return [`${file.name}: ${error.message} Nothing was changed.`];
      }
      const before = progress.standings(remembered());
      if (!kept.set(PROGRESS, remembered() + progress.missing(remembered(), brought))) return ["This browser keeps nothing."];
      marks();
      const fresh = passed(brought).filter((name) => !before.get(name)?.passed);
      return [`Loaded: ${fresh.length} more passed. ${fresh.join(", ")}`];
    };
    return exchange(["Save progress", save], ["Load progress", load], ".json,application/json");
  };

  const listing = (place) => {
    const chapter = place.dataset.answers;
    for (const link of document.querySelectorAll(`article a[href*="#exercise-${chapter}-"]`)) {
      const mark = make("span", { className: "answer-mark" });
      mark.dataset.mark = `${chapter}.${link.hash.split(`#exercise-${chapter}-`)[1]}`;
      link.after(mark);
    }
    if (!lack()) place.append(...answersOf(chapter));
  };
  const carrying = (place) => {
    if (lack()) return;
    const words = "What you passed, in all chapters, in one file for another browser or the terminal.";
    place.append(...progressOf(), make("p", { className: "answer-help" }, words));
  };

  const here = () => {
    for (const [kind, fill] of Object.entries({ exercise: mount, answers: listing, progress: carrying })) {
      for (const place of document.querySelectorAll(`[data-${kind}]:not([data-mounted])`)) {
        place.dataset.mounted = "";
        fill(place);
      }
    }
    marks();
  };
  here();
  addEventListener("storage", marks); // another tab has passed one
  window.document$?.subscribe(here);
})();
