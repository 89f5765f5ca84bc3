// The search: an index of words in place of the theme's engine, so that lessons come before the
// reference and a slip of the finger is forgiven. Nothing is fetched before a reader turns to it.

const search = (() => {
  // Lessons first, then the pages about the book, then the reference.
  const LESSON = /^[\w-]+\/(?:index|\d\d-[\w-]+)\.html/;
  const worth = (location) =>
    LESSON.test(location) ? 1 : location.includes("reference.html") ? 0.2 : 0.25;
  // Words that say nothing of what is sought.
  const COMMON = new Set(
    "a an and are as at by do does for from in is it of on or the to using w what why with".split(" "),
  );
  const ENTITIES = { amp: "&", gt: ">", lt: "<", quot: '"' };

  const plain = (html) =>
    html.replace(/<[^>]+>/g, " ").replace(/&(amp|gt|lt|quot);/g, (_, name) => ENTITIES[name]);

  /** The words of a text, in small letters, without accents. */
  const words = (text) =>
    text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

  /** A word without its ending: clipping, clipped and clips are one; so are -ise and -ize. */
  const stem = (word) => {
    if (word.length < 4) return word;
    const short = word
      .replace(/is(?=(?:ations?|ed?|ing|er)$)/, "iz")
      .replace(/(?<=..)(?:ational|ations?|ions?|ings?|ers?|ors?|ed|es|(?<!s)s)$/, "")
      .replace(/(?<=..)(?:ate?|ize?|e)$/, "");
    return short.replace(/([^aeiousl])\1$/, "$1");
  };

  /** Whether two words differ by one letter: put in, left out, changed, or swapped with the next. */
  const slipped = (one, other) => {
    let start = 0;
    while (start < one.length && one[start] === other[start]) start++;
    const [a, b] = [one.slice(start), other.slice(start)];
    return a.slice(1) === b || a === b.slice(1) || a.slice(1) === b.slice(1) ||
      (a[0] === b[1] && a[1] === b[0] && a.slice(2) === b.slice(2));
  };

  /** An index of sections, each with its location, title and text as HTML. */
  const index = (docs) => {
    const places = new Map(); // of each stem: how often it stands in which section's title and text
    const spelled = new Map(); // the stem of each word
    const note = (html, section, field) => {
      for (const word of words(plain(html))) {
        if (!spelled.has(word)) spelled.set(word, stem(word));
        const of = spelled.get(word);
        if (!places.has(of)) places.set(of, new Map());
        const here = places.get(of);
        if (!here.has(section)) here.set(section, { title: 0, text: 0 });
        here.get(section)[field]++;
      }
    };
    docs.forEach(({ title, text }, section) => {
      note(title, section, "title");
      note(text, section, "text");
    });
    return { docs, places, spelled };
  };

  /** The stems that a word of the query means, with how well they do. */
  const meant = (word, { places, spelled }) => {
    const exact = stem(word);
    const found = new Map();
    for (const [other, of] of spelled) {
      if (other.startsWith(word)) found.set(of, 0.6);
    }
    if (places.has(exact)) found.set(exact, 1);
    if (!found.size && word.length > 3) {
      for (const [other, of] of spelled) if (slipped(word, other)) found.set(of, 0.5);
    }
    return found;
  };

  /** The pages on which the words of a query stand, best first: of each, its sections likewise. */
  const ask = (query, known) => {
    const { docs, places } = known;
    const asked = words(query).filter((word, i, all) => !COMMON.has(word) || all.length === 1);
    const pages = new Map();
    const weights = new Map(); // of each word: how much it tells
    for (const word of new Set(asked)) {
      const of = new Map(); // of each section: what this word is worth there
      for (const [one, share] of meant(word, known)) {
        const rare = Math.log(1 + docs.length / places.get(one).size);
        weights.set(word, Math.max(weights.get(word) ?? 0, rare));
        for (const [section, { title, text }] of places.get(one)) {
          const whole = words(docs[section].title).length;
          const named = title ? 8 / Math.sqrt(1 + whole / 3) : 0;
          const value = share * rare * (named + (3 * text) / (2 + text));
          of.set(section, Math.max(of.get(section) ?? 0, value));
        }
      }
      for (const [section, value] of of) {
        const [page] = docs[section].location.split("#");
        if (!pages.has(page)) pages.set(page, { words: new Map(), sections: new Map() });
        const { words: best, sections } = pages.get(page);
        best.set(word, Math.max(best.get(word) ?? 0, value));
        sections.set(section, (sections.get(section) ?? 0) + value);
      }
    }
    const sum = (values) => [...values].reduce((one, other) => one + other, 0);
    return [...pages].map(([page, { words: best, sections }]) => {
      const ranked = [...sections].sort(([, one], [, other]) => other - one);
      const there = sum([...best.keys()].map((word) => weights.get(word))) / sum(weights.values());
      const score = worth(page) * there * (sum(best.values()) + ranked[0][1]);
      return { page, score, sections: ranked.map(([section]) => docs[section]), asked };
    }).sort((one, other) => other.score - one.score);
  };

  // How the theme's pages speak to its engine.
  const [SETUP, READY, QUERY, RESULT] = [0, 1, 2, 3];

  /** Some words of a text around the first that was asked for, all of those marked, as HTML. */
  const marked = (text, asked, length = Infinity) => {
    const sought = asked.map(stem);
    const wanted = (word) => words(word).some((one) =>
      sought.includes(stem(one)) || asked.some((other) => one.startsWith(other)));
    const parts = text.split(/(\s+)/);
    const first = Math.max(0, parts.findIndex(wanted) - 12);
    const escaped = (part) => part.replace(/&/g, "&amp;").replace(/</g, "&lt;");
    const shown = parts.slice(first, first + length).map((part) =>
      wanted(part) ? `<mark data-md-highlight>${escaped(part)}</mark>` : escaped(part)).join("");
    return (first ? "… " : "") + shown + (first + length < parts.length ? " …" : "");
  };

  /** What the theme shows of a page: its sections that answer, and the page itself. */
  const item = ({ page, sections, asked, score }, { docs }) => {
    const whole = docs.find(({ location }) => location === page);
    const shown = sections.slice(0, 5);
    if (whole && !shown.includes(whole)) shown.push(whole);
    return shown.map(({ location, title, text }, place) => ({
      location,
      title: marked(plain(title), asked),
      text: marked(plain(text).replace(/¶/g, "").trim(), asked, 60),
      terms: {},
      score: score - Math.max(0, place - 1) / 1e3,
    }));
  };

  /** Stands where the theme would start a worker for its engine. */
  class Engine extends EventTarget {
    say(type, data) {
      this.dispatchEvent(new MessageEvent("message", { data: { type, data } }));
    }

    postMessage({ type, data }) {
      if (type === SETUP) {
        this.known = index(data.docs);
        this.say(READY);
      } else if (type === QUERY) {
        const found = ask(data, this.known).slice(0, 12);
        this.say(RESULT, { items: found.map((one) => item(one, this.known)) });
      }
    }

    terminate() {}
  }

  const install = () => {
    const { Worker } = window;
    window.Worker = function (address, options) {
      return /\/workers\/search\./.test(address) ? new Engine() : new Worker(address, options);
    };
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
  };

  return { install, index, ask, slipped, stem };
})();

if (typeof module === "object") module.exports = search;
else if (document.querySelector('meta[name="generator"][content*="material"]')) search.install();
