// Computational graphs in JavaScript: read, computed forward, differentiated backward, measured.
// A value is a number or a list of numbers. The tests hold all of it against graph.py.

const graphs = (() => {
  const each = (f, ...values) => {
    const list = values.find(Array.isArray);
    return list ? list.map((_, i) => f(...values.map((value) => (Array.isArray(value) ? value[i] : value)))) : f(...values);
  };
  const sum = (value) => (Array.isArray(value) ? value.reduce((total, one) => total + one, 0) : value);
  const zeros = (value) => each(() => 0, value);

  /** The building blocks: how many inputs, the output, and its slope along each input. */
  const BLOCKS = {
    "+": [2, (a, b) => each((x, y) => x + y, a, b), () => [1, 1]],
    "−": [2, (a, b) => each((x, y) => x - y, a, b), () => [1, -1]],
    "·": [2, (a, b) => each((x, y) => x * y, a, b), (a, b) => [b, a]],
    max: [2, (a, b) => each(Math.max, a, b), (a, b) => [each((x, y) => Number(x > y), a, b), each((x, y) => Number(x < y), a, b)]],
    "σ": [1, (a) => each((x) => 1 / (1 + Math.exp(-x)), a), (a, out) => [each((x) => x * (1 - x), out)]],
    "Σ": [1, sum, (a) => [each(() => 1, a)]],
  };
  const FUNCTIONS = { max: "max", "σ": "σ", sigmoid: "σ", "Σ": "Σ", sum: "Σ" };

  const TOKEN = /\s*(?:(\d+\.?\d*|\.\d+)|([\p{L}_][\p{L}\p{Nd}_]*)|(\*\*2|\^2|²)|([-−+·*(),=]))/uy;

  function tokens(line) {
    const found = [];
    TOKEN.lastIndex = 0;
    while (line.slice(TOKEN.lastIndex).trim()) {
      const at = TOKEN.lastIndex;
      const match = TOKEN.exec(line);
      if (!match) throw new Error(`“${line.slice(at).trim()[0]}” cannot be read here. There are + − · ² max σ Σ, names and numbers.`);
      const [, number, name, square, sign] = match;
      if (number) found.push({ kind: "number", text: String(Number(number)) });
      else if (name) found.push({ kind: "name", text: name });
      else found.push({ kind: square ? "²" : sign === "*" ? "·" : sign === "-" ? "−" : sign, text: match[0].trim() });
    }
    return found;
  }

  /**
   * Read `name = expression` from lines, or parts between semicolons. Returns the rows by name,
   * [block, input, …]; the order of computing; the inputs that need a value; and the output, which
   * is the last row. A part without a name bears its own text, so the same part is one node.
   */
  function parse(text) {
    const table = new Map();
    const add = (row, name) => {
      const [block, ...names] = row;
      const infix = names.length === 2 && block !== "max";
      const inside = names.map((one) => (infix && one.includes(" ") ? `(${one})` : one));
      const own = name ?? (infix ? inside.join(` ${block} `) : `${block}(${names.join(", ")})`);
      if (table.has(own) && table.get(own).join() !== row.join()) throw new Error(`${own} has two rows. Give each a name of its own.`);
      if (!table.has(own)) table.set(own, row);
      return own;
    };

    for (const line of text.split(/[;\n]/).map((one) => one.trim()).filter(Boolean)) {
      const list = tokens(line);
      let at = 0;
      const next = () => list[at]?.kind;
      const take = (kind) => {
        if (next() !== kind) throw new Error(`“${line}”: ${list[at] ? `“${list[at].text}” stands` : "the line ends"} where ${kind === "name" ? "a name" : `“${kind}”`} should.`);
        return list[at++].text;
      };
      // Each of these returns a row, or the name of a leaf; `named` makes a node of a row.
      const named = (part) => (Array.isArray(part) ? add(part) : part);
      function chain(inner, signs) {
        let left = inner();
        while (signs.includes(next())) {
          const { kind } = list[at++];
          left = [kind, named(left), named(inner())];
        }
        return left;
      }
      const expression = () => chain(term, ["+", "−"]);
      const term = () => chain(signed, ["·"]);
      function signed() {
        if (next() !== "−") return power();
        at++;
        const plain = next() === "number" && list[at + 1]?.kind !== "²";
        return plain ? `-${take("number")}` : ["−", "0", named(signed())];
      }
      function power() {
        let base = atom();
        if (next() !== "²") return base;
        at++;
        base = named(base);
        return ["·", base, base];
      }
      function atom() {
        if (next() === "number") return take("number");
        if (next() === "(") {
          at++;
          const inner = expression();
          take(")");
          return inner;
        }
        const name = take("name");
        if (next() !== "(") return name;
        const block = Object.hasOwn(FUNCTIONS, name) && FUNCTIONS[name];
        if (!block) throw new Error(`“${name}” has no block here. There are + − · ² max σ Σ.`);
        at++;
        const inputs = [named(expression())];
        while (next() === ",") {
          at++;
          inputs.push(named(expression()));
        }
        take(")");
        if (inputs.length !== BLOCKS[block][0]) throw new Error(`${name} takes ${BLOCKS[block][0]} inputs. Received: ${inputs.join(", ")}.`);
        return [block, ...inputs];
      }

      const name = list[1]?.kind === "=" ? take("name") : undefined;
      if (name) at++;
      const row = expression();
      if (at < list.length) throw new Error(`“${line}”: “${list[at].text}” stands where the line should end.`);
      if (Array.isArray(row)) add(row, name);
      else if (name) throw new Error(`“${line}” computes nothing: ${row} goes through no block.`);
    }
    if (!table.size) throw new Error("There is nothing to compute: write an expression such as (a + b) · b.");
    const order = sorted(table);
    const leaves = order.filter((name) => !table.has(name) && Number.isNaN(Number(name)));
    return { table, order, leaves, output: [...table.keys()].at(-1) };
  }

  /** Every node after what goes into it. */
  function sorted(table) {
    const order = [];
    const state = new Map();
    const visit = (name, path) => {
      if (state.get(name) === "done") return;
      if (state.get(name) === "open") {
        throw new Error(`The graph runs in a circle: ${[...path.slice(path.indexOf(name)), name].join(" → ")}. Cut it at one node.`);
      }
      state.set(name, "open");
      for (const input of (table.get(name) ?? []).slice(1)) visit(input, [...path, name]);
      state.set(name, "done");
      order.push(name);
    };
    for (const name of table.keys()) visit(name, []);
    return order;
  }

  /** The value of every node, by name. */
  function forward({ table, order }, inputs) {
    const values = {};
    for (const name of order) {
      if (!table.has(name)) {
        const value = Object.hasOwn(inputs, name) ? inputs[name] : Number(name);
        if (sum(value) !== sum(value)) throw new Error(`${name} has no value.`);
        values[name] = value;
        continue;
      }
      const [block, ...names] = table.get(name);
      const given = names.map((one) => values[one]);
      const lengths = new Set(given.filter(Array.isArray).map((one) => one.length));
      if (lengths.size > 1) throw new Error(`${name}: ${names.join(" and ")} differ in length (${[...lengths].join(" and ")} numbers).`);
      values[name] = BLOCKS[block][1](...given);
    }
    return values;
  }

  /**
   * The gradient of the output for every node, and every edge in the order of the way back: what
   * arrives at its node, its slope, and what it sends on to its input (summed for a number that
   * stood beside a list).
   */
  function backward({ table, order, output }, values) {
    const gradients = Object.fromEntries(order.map((name) => [name, zeros(values[name])]));
    gradients[output] = each(() => 1, values[output]);
    const edges = [];
    for (const node of [...order].reverse()) {
      if (!table.has(node)) continue;
      const [block, ...names] = table.get(node);
      const slopes = BLOCKS[block][2](...names.map((name) => values[name]), values[node]);
      names.forEach((name, place) => {
        const product = each((g, s) => g * s, gradients[node], slopes[place]);
        const sent = Array.isArray(values[name]) ? each((one) => one, product) : sum(product);
        edges.push({ node, name, place, block, arriving: gradients[node], slope: slopes[place], sent });
        gradients[name] = each((a, b) => a + b, gradients[name], sent);
      });
    }
    // Nodes that the output does not depend on send nothing, and are no part of the way back.
    const reached = new Set([output]);
    for (const node of [...order].reverse()) if (reached.has(node)) (table.get(node) ?? []).slice(1).forEach((name) => reached.add(name));
    return { gradients, edges: edges.filter(({ node }) => reached.has(node)) };
  }

  /** (f(w + h) − f(w − h)) / 2h for one number of one input, and the two losses it is made of. */
  function measure(graph, inputs, name, place = 0, h = 1e-4) {
    const moved = (by) => {
      const value = inputs[name];
      const next = Array.isArray(value) ? value.map((one, i) => (i === place ? one + by : one)) : value + by;
      return sum(forward(graph, { ...inputs, [name]: next })[graph.output]);
    };
    const [up, down] = [moved(h), moved(-h)];
    return { up, down, slope: (up - down) / (2 * h) };
  }

  /** Where each node that the output depends on stands: [column, row]; as figures.py has it. */
  function places({ table, order, output }) {
    const inputs = (node) => [...new Set((table.get(node) ?? []).slice(1))];
    const column = {};
    for (const node of order) column[node] = 1 + Math.max(-1, ...inputs(node).map((name) => column[name]));
    for (const node of order) {
      if (table.has(node)) continue;
      column[node] = Math.min(...[...table.keys()].filter((user) => inputs(user).includes(node)).map((user) => column[user])) - 1;
    }
    const row = new Map();
    const settle = (node) => {
      if (row.has(node)) return;
      const fresh = inputs(node).filter((name) => !row.has(name));
      fresh.forEach(settle);
      const leaves = [...row.keys()].filter((name) => !table.has(name)).length;
      row.set(node, fresh.length ? fresh.reduce((total, name) => total + row.get(name), 0) / fresh.length : leaves);
    };
    settle(output);
    for (const here of new Set(Object.values(column))) {
      const standing = [...row.keys()].filter((name) => column[name] === here).sort((a, b) => row.get(a) - row.get(b));
      standing.slice(1).forEach((name, i) => row.set(name, Math.max(row.get(name), row.get(standing[i]) + 1)));
    }
    return Object.fromEntries([...row].map(([name, place]) => [name, [column[name], place]]));
  }

  /** Move every named input against its gradient: w − η ∂/∂w. */
  const update = (inputs, gradients, names, rate) => ({
    ...inputs,
    ...Object.fromEntries(names.map((name) => [name, each((w, g) => w - rate * g, inputs[name], gradients[name])])),
  });

  return { BLOCKS, parse, forward, backward, measure, places, update };
})();

if (typeof module !== "undefined") module.exports = graphs;
