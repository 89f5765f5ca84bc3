// What was passed: kept as the terminal keeps it, a line of JSON for each event, and carried between
// the two in one file. companion/checking/classroom/progress_file.py is the terminal's half, which the
// tests hold this one to: the same files are refused with the same words, the same bytes are written.

const progress = (() => {
  const FORMAT = "companion-progress";
  const VERSION = 1;
  const MAX_BYTES = 1 << 20;
  const MAX_EXERCISES = 10_000;
  const MAX_NAME = 200;
  const MAX_HINTS = 100;
  const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
  const UNDATED = "1970-01-01T00:00:00.000Z"; // of what was kept without its time

  const object = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const time = (value) => typeof value === "string" && TIME.test(value);
  const nothing = () => ({ passed: "", hints: 0, solution: "" });

  /** The events in lines of JSON, the earliest first; a line that cannot be read is passed over. */
  const events = (lines) => {
    const found = [];
    for (const line of lines.split("\n")) {
      try {
        const event = JSON.parse(line);
        if (object(event)) found.push({ ...event, at: time(event.at) ? event.at : UNDATED });
      } catch {
        // torn, or not ours
      }
    }
    return found.sort((one, other) => (one.at < other.at ? -1 : Number(one.at > other.at)));
  };

  /** Where a learner stands, by `chapter/exercise`: when it passed, hints, when the solution was seen. */
  const standings = (lines) => {
    const found = new Map();
    for (const { exercise, event, at } of events(lines)) {
      if (!found.has(exercise)) found.set(exercise, nothing());
      const standing = found.get(exercise);
      if (event === "passed") standing.passed ||= at;
      else if (event === "hint") standing.hints += 1;
      else if (event === "solution" && !standing.passed) standing.solution ||= at;
    }
    return found;
  };

  /** A line for an event that is remembered. */
  const line = (exercise, event, at = new Date().toISOString()) => `${JSON.stringify({ exercise, event, at })}\n`;

  const earliest = (...times) => times.filter(Boolean).sort()[0] ?? "";

  /** The lines that are missing where `brought` is to be known, too: no pass is lost, the earliest counts. */
  const missing = (lines, brought) => {
    const known = standings(lines);
    let added = "";
    for (const [name, there] of brought) {
      const here = known.get(name) ?? nothing();
      const passed = earliest(here.passed, there.passed);
      const solution = earliest(here.solution, there.solution);
      const seen = solution && (!passed || solution <= passed);
      if (seen && solution !== here.solution) added += line(name, "solution", solution);
      if (passed !== here.passed) added += line(name, "passed", passed);
      added += line(name, "hint", UNDATED).repeat(Math.max(0, there.hints - here.hints));
    }
    return added;
  };

  const named = (name) => {
    const parts = name.split("/");
    const printed = /^(?:[^\p{C}\p{Z}]| )+$/u.test(name);
    return parts.length === 2 && parts.every(Boolean) && [...name].length <= MAX_NAME && printed;
  };

  /** The text of the file that holds these standings. */
  const written = (found) => {
    const entries = [];
    for (const [name, { passed, hints, solution }] of found) {
      const entry = {};
      if (passed) entry.passed = passed;
      if (hints) entry.hints = Math.min(hints, MAX_HINTS);
      if (solution) entry.solution = solution;
      if (typeof name === "string" && named(name) && Object.keys(entry).length) entries.push([name, entry]);
    }
    entries.sort(([one], [other]) => (one < other ? -1 : 1));
    const exercises = Object.fromEntries(entries);
    return `${JSON.stringify({ format: FORMAT, version: VERSION, exercises }, null, 2)}\n`;
  };

  const json = (bytes) => {
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      return null;
    }
  };

  const standing = (entry) => {
    if (!object(entry)) return null;
    const { passed = "", hints = 0, solution = "" } = entry;
    const whole = Number.isInteger(hints) && hints >= 0 && hints <= MAX_HINTS;
    const timed = [passed, solution].every((at) => at === "" || time(at));
    return whole && timed ? { passed, hints, solution } : null;
  };

  /** The bytes of a chosen file, as far as they matter. */
  const bytes = (file) => file.slice(0, MAX_BYTES + 1).arrayBuffer();

  /** The standings in the bytes of a file; an error in a sentence if anything is not as it must be. */
  const parsed = (bytes) => {
    if (bytes.byteLength > MAX_BYTES) throw new Error("It has more than 1 MB, which no progress file has.");
    const held = json(bytes);
    if (!object(held) || held.format !== FORMAT) {
      throw new Error(`It is no progress file: JSON with "format": "${FORMAT}" is expected.`);
    }
    if (held.version !== VERSION) {
      throw new Error(`It is not of version ${VERSION}: a newer companion may read it.`);
    }
    const { exercises } = held;
    if (!object(exercises) || Object.keys(exercises).length > MAX_EXERCISES) {
      throw new Error(`It is damaged: up to ${MAX_EXERCISES} exercises by name are expected.`);
    }
    const found = new Map();
    for (const [name, entry] of Object.entries(exercises)) {
      if (!named(name)) throw new Error("It is damaged: the name of an exercise is not CHAPTER/EXERCISE.");
      const read = standing(entry);
      if (!read) throw new Error(`It is damaged: times and hints of ${name} are not as they must be.`);
      found.set(name, read);
    }
    return found;
  };

  return { bytes, standings, line, missing, written, parsed };
})();

if (typeof module !== "undefined") module.exports = progress;
