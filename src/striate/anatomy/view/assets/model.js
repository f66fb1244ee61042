// What the page knows: networks as trees of items, and numbers and colours for people.

const make = (name, style, ...content) => {
  const element = document.createElement(name);
  if (style) element.className = style;
  element.append(...content.filter((each) => each !== undefined && each !== null));
  return element;
};
const draw = (name, attributes, ...content) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
};
// Math.max takes its arguments on the stack, which a network of many layers fills.
const most = (values) => values.reduce((high, value) => (value > high ? value : high), -Infinity);
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

const THIN = "\u202f";
const grouped = (number) => Math.round(number).toLocaleString("en-GB").replaceAll(",", THIN);
const short = (number, unit = "") => {
  const steps = ["", "k", "M", "G", "T", "P"];
  let step = 0;
  let value = number;
  // 999.6 would be printed as 1000.
  while (value >= 999.5 && step < steps.length - 1) {
    value /= 1000;
    step += 1;
  }
  const text = step || !Number.isInteger(value) ? value.toPrecision(3) : String(value);
  const suffix = steps[step] + unit;
  return suffix ? `${text}${THIN}${suffix}` : text;
};
const share = (part, whole) => {
  if (!whole || !part) return "0 %";
  const percent = (100 * part) / whole;
  return `${percent < 0.1 ? "< 0.1" : percent.toPrecision(percent < 10 ? 2 : 3)}${THIN}%`;
};
const sides = (height, width) => `${grouped(height)} × ${grouped(width)}`;

// What nodes are coloured by. `of` gives a number of an item, `total` what the whole network has.
const METRICS = {
  macs: { title: "MACs", of: (item) => item.macs, text: (value) => short(value) },
  parameters: { title: "Parameters", of: (item) => item.parameters, text: (value) => short(value) },
  memory: { title: "Memory", of: (item) => item.memory, text: (value) => short(value, "B") },
  field: { title: "Receptive field", of: (item) => item.field, text: (value) => `${grouped(value)}${THIN}px` },
};

// A network: `root` is the outermost item. An item is an operator (`op`, an index into `ops`) or a
// group of items (`children`); `out` is the operator whose output it shows to the rest.
class Network {
  constructor(data, number) {
    Object.assign(this, { data, number, ops: data.ops, items: [], groups: new Map(), leaves: [] });
    this.named = new Map();
    this.root = this.#build(data.tree, null, 0);
    this.#connect();
    this.openAtFirst = new Set(data.open);
    for (const group of this.groups.values()) group.open = this.openAtFirst.has(group.name);
    this.root.open = true;
  }

  #build(entry, parent, depth) {
    const item = { network: this, id: this.items.length, parent, depth, open: false, children: null, from: 0 };
    this.items.push(item);
    if (typeof entry === "number") {
      const op = this.ops[entry];
      const values = { name: op.n, label: op.l, kind: op.o, macs: op.m, parameters: op.p, memory: op.b };
      Object.assign(item, values, { op: entry, out: entry, first: entry, last: entry, field: this.#side(entry) });
      this.leaves[entry] = item;
      this.named.set(op.n, item);
      return item;
    }
    Object.assign(item, { name: entry.n, label: entry.l, kind: entry.k, parameters: entry.p, shape: entry.s });
    item.children = entry.c.map((each) => this.#build(each, item, depth + 1));
    item.children.forEach((child, place) => (child.place = place));
    item.first = item.children[0].first;
    item.last = item.children.at(-1).last;
    item.macs = item.children.reduce((sum, child) => sum + child.macs, 0);
    item.memory = item.children.reduce((sum, child) => sum + child.memory, 0);
    this.groups.set(entry.n, item);
    return item;
  }

  // The longer side of an operator's receptive field, in pixels.
  #side(op) {
    const field = this.ops[op].f;
    return field ? Math.max(...this.seen(op)) : 0;
  }

  // [height, width] of what one position of an operator's output sees, in pixels.
  seen(op) {
    return this.ops[op].z;
  }

  // Whether positions of an operator's output see different places of what goes in.
  isPlaced(op) {
    const axes = this.data.space === "line" ? this.ops[op].f?.slice(-1) : this.ops[op].f;
    return Boolean(axes?.some(([jump, low]) => jump && low !== null));
  }

  // Whether an operator's output is a grid of positions that see different places of a picture.
  isGrid(op) {
    const { f: field, s: shape } = this.ops[op];
    return this.data.space === "picture" && Boolean(field) && shape.length === 3 && field.some(([jump]) => jump !== null);
  }

  // What an operator or group is called where its group does not stand around it: "conv4_x.0", not "0".
  titleOf(item) {
    let title = item.label;
    for (let group = item.parent; group?.parent && /^\d/.test(title); group = group.parent) title = `${group.label}.${title}`;
    return title;
  }

  // Edges between the children of each group, and ports where edges cross a group's border: `ins`
  // and `outs` list the operators whose outputs pass there.
  #connect() {
    const lineage = (item) => (item ? [...lineage(item.parent), item] : []);
    for (const item of this.items) Object.assign(item, { edges: [], ins: [], outs: [], keys: new Set() });
    const join = (group, from, to, source) => {
      const key = `${from?.id ?? "in"}>${to?.id ?? "out"}>${source}`;
      if (group.keys.has(key)) return;
      group.keys.add(key);
      group.edges.push({ from, to, source });
      if (!from && !group.ins.includes(source)) group.ins.push(source);
      if (!to && !group.outs.includes(source)) group.outs.push(source);
    };
    this.readers = this.ops.map(() => []);
    this.ops.forEach((op, index) => {
      op.in.forEach((source) => this.readers[source].push(index));
      const to = lineage(this.leaves[index]);
      for (const source of op.in) {
        const from = lineage(this.leaves[source]);
        let common = 0;
        while (from[common + 1] === to[common + 1]) common += 1;
        join(from[common], from[common + 1], to[common + 1], source);
        for (let at = common + 1; at < to.length - 1; at += 1) join(to[at], null, to[at + 1], source);
        for (let at = common + 1; at < from.length - 1; at += 1) join(from[at], from[at + 1], null, source);
      }
    });
    for (const item of [...this.items].reverse()) {
      if (!item.children) continue;
      item.out = item.outs.at(-1) ?? item.last;
      item.field = this.#side(item.out) || most(item.children.map((child) => child.field));
    }
  }

  // The item, or the closed group that it is hidden in.
  shown(item) {
    let found = item;
    for (let group = item.parent; group; group = group.parent) if (!group.open) found = group;
    return found;
  }

  // Open every group around an item, at the stretch of a long list where it stands.
  reveal(item) {
    for (let [child, group] = [item, item.parent]; group; [child, group] = [group, group.parent]) {
      group.open = true;
      const last = group.children.length - LISTED;
      if (child.place < group.from || child.place >= group.from + LISTED) group.from = clamp(child.place - LISTED / 2, 0, Math.max(last, 0));
    }
  }

  find(name) {
    return this.named.get(name) ?? this.groups.get(name);
  }
}

// Colours: a ramp from pale to strong whose lightness alone tells the order, so that it also reads
// without colour vision. Shares of costs are shown by their logarithm, down to 1 in 10,000.
const RAMPS = {
  light: ["#eef0ec", "#c9dddc", "#8fbfc9", "#4a95b0", "#1b6789", "#103a5a"],
  dark: ["#222831", "#21414f", "#286679", "#3f93a8", "#82c3cb", "#dcefd2"],
};
// Steps that can be told apart: neighbours are of one colour and one ink, or plainly of two.
const STEPS = 8;
const stepped = (at) => Math.round(at * STEPS) / STEPS;
const stairs = (ramp) =>
  Array.from({ length: STEPS + 1 }, (_, step) => {
    const [from, to] = [step - 0.5, step + 0.5].map((edge) => `${clamp((100 * edge) / STEPS, 0, 100)}%`);
    return `rgb(${blend(ramp, step / STEPS)}) ${from} ${to}`;
  }).join(", ");
const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const blend = (ramp, at) => {
  const place = clamp(at, 0, 1) * (ramp.length - 1);
  const low = Math.min(Math.floor(place), ramp.length - 2);
  const [a, b] = [channels(ramp[low]), channels(ramp[low + 1])];
  return a.map((value, i) => Math.round(value + (b[i] - value) * (place - low)));
};
const luminance = (rgb) => {
  const linear = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
};
const inkOn = (rgb) => (luminance(rgb) > 0.19 ? "#0b0e12" : "#ffffff");

const DECADES = 4;

// From a metric's value to its place on the ramp (null: nothing to show), common to all networks.
const scaleOf = (metric, networks) => {
  const { of } = METRICS[metric];
  if (metric === "field") {
    const largest = Math.max(most(networks.flatMap((network) => network.leaves.map(of))), 2);
    return { most: largest, place: (value) => (value ? Math.log(value) / Math.log(largest) : null) };
  }
  const largest = Math.max(...networks.map((network) => of(network.root)), 1);
  return { most: largest, place: (value) => (value ? clamp(1 + Math.log10(value / largest) / DECADES, 0.04, 1) : null) };
};
