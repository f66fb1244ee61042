// Where everything stands: each group's inside is laid out by itself, from the innermost out, and
// kept, so that opening one group moves the others without thinking about them again.

const CARD = { width: 236, height: 48, slim: 26 };
const GAP = { across: 22, down: 20, side: 16, head: 42, foot: 18, fan: 12 };

// Operators that change no grid and hold next to nothing are drawn slim.
const SLIM = new Set([
  "batch norm", "relu", "sigmoid", "tanh", "dropout", "flatten", "add", "multiply", "softmax", "log softmax", "silu",
  "gelu", "hardswish", "hardsigmoid", "leaky relu", "relu6", "local response norm", "layer norm", "group norm",
  "subtract", "divide", "view", "copy", "slice", "mish", "elu", "prelu", "clamp", "permute", "squeeze", "reshape",
]);

const kept = new Map();

const sizeOf = (item) => {
  if (item.open && item.children) return inside(item);
  return { width: CARD.width, height: !item.children && SLIM.has(item.kind) ? CARD.slim : CARD.height };
};

// {width, height, at, routes, ins, outs} of an open group: where its children stand, the points of
// its edges (one list an edge of `group.edges`), and where its ports are, all from its own corner.
function inside(group) {
  group.listed ??= isListed(group);
  const sizes = listed(group).map(sizeOf);
  group.shape ??= group.listed ? `list ${group.id}` : shapeOf(group);
  const key = `${group.shape}|${group.parent ? 1 : 0}|${sizes.map((size) => `${size.width}x${size.height}`)}`;
  let found = kept.get(key);
  if (!found) {
    found = group.listed || isChain(group) ? stack(group, sizes) : layered(group, sizes);
    kept.set(key, found);
  }
  return found;
}

const ends = (group, edge) => [
  edge.from ? edge.from.place : `in${group.ins.indexOf(edge.source)}`,
  edge.to ? edge.to.place : `out${group.outs.indexOf(edge.source)}`,
];
const shapeOf = (group) => group.edges.map((edge) => ends(group, edge).join(">")).join();

const isChain = (group) =>
  group.ins.length <= 1 &&
  group.outs.length <= 1 &&
  group.edges.every((edge) => {
    const [from, to] = ends(group, edge);
    return (from === "in0" ? -1 : from) + 1 === (to === "out0" ? group.children.length : to);
  });

const margins = (group) =>
  group.parent ? { side: GAP.side, head: GAP.head, foot: GAP.foot } : { side: 0, head: 0, foot: 0 };

// How much there is to arrange: nodes, and a stand-in in every row that an edge passes.
function crowd(group) {
  const rows = new Array(group.children.length).fill(0);
  const inner = group.edges.filter((edge) => edge.from && edge.to).sort((a, b) => a.to.place - b.to.place);
  for (const { from, to } of inner) rows[to.place] = Math.max(rows[to.place], rows[from.place] + 1);
  const end = most(rows) + 1;
  const row = (item, border) => (item ? rows[item.place] : border);
  return group.edges.reduce((sum, { from, to }) => sum + row(to, end) - row(from, -1) - 1, group.children.length);
}

// Whether there is too much in a group to draw: its parts are listed in order instead, so many of
// them. The time that a layout takes grows with the crowd, a millisecond each or less; so does that
// of all layouts together.
const CROWD = { group: 700, page: 4000 };
const LISTED = 2000;
let spent = 0;
function isListed(group) {
  if (group.children.length > LISTED) return true;
  if (isChain(group)) return false;
  const size = crowd(group);
  if (size > CROWD.group || spent + size > CROWD.page) return true;
  spent += size;
  return false;
}

// What is shown of a group's parts: all of them, or a stretch of a long list.
const listed = (group) => (group.children.length > LISTED ? group.children.slice(group.from, group.from + LISTED) : group.children);

const NOTICE = 62; // the height of what is said of a list

function stack(group, sizes) {
  const { side, head, foot } = margins(group);
  const width = most(sizes.map((size) => size.width)) + 2 * side;
  let y = head + (group.listed ? NOTICE : 0);
  const at = sizes.map((size) => {
    const place = [(width - size.width) / 2, y];
    y += size.height + GAP.down;
    return place;
  });
  const routes = group.edges.map(() => []);
  const middle = () => width / 2;
  return { width, height: y - GAP.down + foot, at, routes, ins: group.ins.map(middle), outs: group.outs.map(middle) };
}

function layered(group, sizes) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "TB", nodesep: GAP.across, edgesep: 14, ranksep: GAP.down + GAP.fan });
  graph.setDefaultEdgeLabel(() => ({}));
  sizes.forEach((size, index) => graph.setNode(String(index), { ...size }));
  group.ins.forEach((_, index) => graph.setNode(`in${index}`, { width: 1, height: 1 }));
  group.outs.forEach((_, index) => graph.setNode(`out${index}`, { width: 1, height: 1 }));
  // From the last to the first: dagre sets branches from right to left in the order it meets them.
  for (const edge of [...group.edges].reverse()) {
    const [from, to] = ends(group, edge);
    // The way in order of execution is drawn straight; what skips goes around.
    graph.setEdge(String(from), String(to), { weight: from + 1 === to || from === "in0" ? 3 : 1 });
  }
  // Ports stand at the border, however deep inside their readers are.
  if (group.ins.length) {
    graph.setNode("top", { width: 1, height: 1 });
    group.ins.forEach((_, index) => graph.setEdge("top", `in${index}`, { weight: 9 }));
  }
  if (group.outs.length) {
    graph.setNode("bottom", { width: 1, height: 1 });
    group.outs.forEach((_, index) => graph.setEdge(`out${index}`, "bottom", { weight: 9 }));
  }
  dagre.layout(graph);
  return framed(group, sizes, graph);
}

// What dagre found, moved into the group's frame.
function framed(group, sizes, graph) {
  const { side, ...ends_ } = margins(group);
  const [head, foot] = [ends_.head, ends_.foot].map((gap) => gap && gap + GAP.fan);
  const nodes = sizes.map((_, index) => graph.node(String(index)));
  const points = group.edges.flatMap((edge) => graph.edge(...ends(group, edge).map(String)).points);
  const left = Math.min(...nodes.map((node) => node.x - node.width / 2), ...points.map((point) => point.x));
  const right = Math.max(...nodes.map((node) => node.x + node.width / 2), ...points.map((point) => point.x));
  const top = Math.min(...nodes.map((node) => node.y - node.height / 2));
  const bottom = Math.max(...nodes.map((node) => node.y + node.height / 2));
  const across = (x) => x - left + side;
  const down = (y) => y - top + head;
  const bands = new Map();
  for (const node of nodes) bands.set(node.y, Math.max(bands.get(node.y) ?? 0, node.height / 2));
  const band = (y) => bands.get(y) ?? 0;
  const routes = group.edges.map((edge) => {
    const [from, to] = ends(group, edge).map(String);
    const way = graph.edge(from, to).points.slice(1, -1);
    const [start, end] = [graph.node(from), graph.node(to)];
    // An edge passes straight down beside what stands in a row, and turns only between rows.
    return [
      [across(start.x), down(start.y + band(start.y))],
      ...way.flatMap(({ x, y }) => [
        [across(x), down(y - band(y))],
        [across(x), down(y + band(y))],
      ]),
      [across(end.x), down(end.y - band(end.y))],
    ];
  });
  return {
    width: right - left + 2 * side,
    height: bottom - top + head + foot,
    at: nodes.map((node) => [across(node.x - node.width / 2), down(node.y - node.height / 2)]),
    routes,
    ins: group.ins.map((_, index) => across(graph.node(`in${index}`).x)),
    outs: group.outs.map((_, index) => across(graph.node(`out${index}`).x)),
  };
}

// Everything that can be seen: `boxes` of items, outer groups first, and `lines` between them.
function arrange(root) {
  const boxes = new Map();
  const lines = [];
  const notices = [];
  const place = (group, x, y) => {
    const { at, width, height, ins, outs, routes } = inside(group);
    if (group.listed) notices.push({ group, x: x + margins(group).side, y: y + margins(group).head });
    listed(group).forEach((child, index) => {
      const size = sizeOf(child);
      const box = { x: x + at[index][0], y: y + at[index][1], width: size.width, height: size.height };
      boxes.set(child, box);
      if (child.open && child.children) place(child, box.x, box.y);
    });
    const port = (item, list, places, source, edgeOfBox) => {
      const box = boxes.get(item);
      const open = item.open && item.children;
      return [box.x + (open ? places(item)[item[list].indexOf(source)] : box.width / 2), box.y + edgeOfBox(box)];
    };
    group.edges.forEach((edge, index) => {
      const { from, to, source } = edge;
      const far = (from?.place ?? -1) + 1 !== (to?.place ?? group.children.length);
      if (group.listed && (far || (from && !boxes.has(from)) || (to && !boxes.has(to)))) return;
      const start = from
        ? port(from, "outs", (item) => inside(item).outs, source, (box) => box.height)
        : [x + ins[group.ins.indexOf(source)], y];
      const end = to
        ? port(to, "ins", (item) => inside(item).ins, source, () => 0)
        : [x + outs[group.outs.indexOf(source)], y + height];
      const way = routes[index].map(([px, py]) => [x + px, y + py]);
      if (way.length) {
        way[0][0] = start[0];
        way[way.length - 1][0] = end[0];
      }
      lines.push({ group, from, to, source, key: `${group.id}:${from?.id}:${to?.id}:${source}`, points: [start, ...way, end] });
    });
    return { width, height };
  };
  const size = place(root, 0, 0);
  return { boxes, lines, notices, ...size };
}

// A path down through points: straight where they stand above each other, else an S.
function curve(points) {
  let text = `M${points[0][0].toFixed(1)} ${points[0][1].toFixed(1)}`;
  for (let at = 1; at < points.length; at += 1) {
    const [[x0, y0], [x1, y1]] = [points[at - 1], points[at]];
    const middle = ((y0 + y1) / 2).toFixed(1);
    text +=
      Math.abs(x0 - x1) < 0.5
        ? `L${x1.toFixed(1)} ${y1.toFixed(1)}`
        : `C${x0.toFixed(1)} ${middle} ${x1.toFixed(1)} ${middle} ${x1.toFixed(1)} ${y1.toFixed(1)}`;
  }
  return text;
}
