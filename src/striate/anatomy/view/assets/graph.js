// A pane: one network's graph, to be opened, moved, and walked through.

const CONTAINERS = new Set(["Sequential", "ModuleList", "ModuleDict"]);

const SMALLEST = 0.0005; // a graph of a thousand layers still fits
const STRIP = 52; // pixels at the right that the map of the whole takes
const MOVING = 400; // so many boxes move smoothly; browsers take seconds to move more
const LEGIBLE = 0.8; // the least scale at which everything can be read


const prune = (elements, wanted) => {
  for (const [key, element] of elements) {
    if (wanted.has(key)) continue;
    element.remove();
    elements.delete(key);
  }
};

class Pane {
  constructor(network, app) {
    Object.assign(this, { network, app, elements: new Map(), paths: new Map(), x: 0, y: 0, scale: 1 });
    this.edges = draw("svg", { class: "edges", "aria-hidden": "true" });
    this.world = make("div", "world");
    this.world.setAttribute("role", "tree");
    this.world.setAttribute("aria-label", `Layers of ${network.data.name}`);
    this.world.append(this.edges);
    this.map = make("canvas", "map");
    this.map.setAttribute("aria-hidden", "true");
    const title = make("p", "pane-title", make("b", "", network.data.name), make("span", "", network.data.input));
    this.element = make("div", "pane", this.world, this.map, title, this.#buttons());
    listen(this);
  }

  #buttons() {
    const button = (text, title, act) => {
      const element = Object.assign(make("button", "tool", text), { type: "button", title });
      element.setAttribute("aria-label", title);
      element.addEventListener("click", act);
      return element;
    };
    return make(
      "div",
      "tools",
      button("+", "Zoom in (+)", () => this.zoom(1.3)),
      button("−", "Zoom out (−)", () => this.zoom(1 / 1.3)),
      button("⤢", "Show all (F)", () => this.fit()),
      button("⊞", "Open every group (E)", () => this.openAll(true)),
      button("⊟", "Close every group (X)", () => this.openAll(false)),
    );
  }

  // Lay out and draw anew. `anchor` stays where it is on the screen.
  draw(anchor) {
    const before = anchor && this.layout?.boxes.get(anchor);
    this.layout = arrange(this.network.root);
    const { boxes, lines, notices } = this.layout;
    this.world.classList.toggle("still", boxes.size > MOVING);
    const seen = new Set();
    for (const [item, box] of boxes) this.#place(item, box, seen);
    for (const { group, x, y } of notices) {
      const notice = this.#element(`c${group.id}:${group.from}`, () => this.#notice(group), seen);
      notice.style.transform = `translate(${x}px,${y}px)`;
    }
    const lineKeys = new Set(lines.map((line) => line.key));
    prune(this.elements, seen);
    prune(this.paths, lineKeys);
    for (const line of lines) {
      if (!this.paths.has(line.key)) this.paths.set(line.key, this.edges.appendChild(draw("path", {})));
      const path = this.paths.get(line.key);
      const way = curve(line.points);
      if (path.way !== way) path.setAttribute("d", (path.way = way));
      path.line = line;
    }
    const after = anchor && boxes.get(anchor);
    if (before && after) {
      this.x += (before.x - after.x + (before.width - after.width) / 2) * this.scale;
      this.y += (before.y - after.y) * this.scale;
    }
    this.move();
  }

  #place(item, box, seen) {
    const open = Boolean(item.open && item.children);
    const at = `translate(${box.x}px,${box.y}px)`;
    const key = `${at} ${box.width} ${box.height} ${open}`;
    if (open) {
      const frame = this.#element(`f${item.id}`, () => make("div", "frame"), seen);
      if (frame.key !== key) {
        frame.key = key;
        frame.style.transform = at;
        frame.style.width = `${box.width}px`;
        frame.style.height = `${box.height}px`;
      }
    }
    const node = this.#element(`n${item.id}`, () => this.#node(item), seen);
    if (node.key === key) return;
    node.key = key;
    node.style.transform = at;
    node.style.width = open ? "auto" : `${box.width}px`;
    node.style.maxWidth = open ? `${box.width - 18}px` : "";
    node.style.height = open ? "" : `${box.height}px`;
    node.classList.toggle("head", open);
    node.classList.toggle("slim", box.height === CARD.slim);
    if (item.children) node.setAttribute("aria-expanded", String(open));
  }

  // What is said of a group whose parts are listed, with ways to the rest of a long list.
  #notice(group) {
    const { length } = group.children;
    const what = `${grouped(length)} parts, ${grouped(group.edges.length)} ways between them: too much to draw. They are listed in order; the panel says what each reads.`;
    if (length <= LISTED) return make("p", "notice", what);
    const last = length - LISTED;
    const go = (text, there) => {
      const from = clamp(there, 0, last);
      const button = Object.assign(make("button", "link", text), { type: "button", disabled: from === group.from });
      button.addEventListener("click", () => {
        group.from = from;
        this.draw(group.parent ? group : undefined);
        this.app.refresh(this, group.children[from]);
      });
      return button;
    };
    const stretch = ` ${grouped(group.from + 1)} to ${grouped(Math.min(group.from + LISTED, length))}: `;
    return make("p", "notice", what, stretch, go("earlier", group.from - LISTED), " ", go("later", group.from + LISTED));
  }

  #element(key, create, seen) {
    seen.add(key);
    if (!this.elements.has(key)) this.elements.set(key, this.world.appendChild(create()));
    return this.elements.get(key);
  }

  #node(item) {
    const about = item.children ? this.#parts(item) : this.#operator(item);
    const shape = (item.shape ?? this.network.ops[item.out].s).join("×");
    const node = make(
      "div",
      `node${item.children ? " group" : ""}`,
      item.children ? make("i", "fold") : null,
      make("span", "name", item.label),
      make("span", "sub", (item.children ? [shape, about] : [about, shape]).filter(Boolean).join(" · ")),
      make("span", "value"),
    );
    const thumb = this.network.data.thumbs[item.out];
    if (thumb && (item.children || !SLIM.has(item.kind))) {
      const picture = make("i", "thumb");
      picture.style.backgroundImage = `url(${thumb.src})`;
      picture.style.backgroundSize = `${100 * thumb.across}% auto`;
      node.classList.add("pictured");
      node.prepend(picture);
    }
    node.setAttribute("role", "treeitem");
    node.setAttribute("aria-level", String(item.depth));
    node.title = `${item.name} · ${item.kind}`;
    node.tabIndex = -1;
    node.dataset.item = item.id;
    node.dataset.name = item.name;
    return node;
  }

  // What it is, where its name does not say so already.
  #operator(item) {
    const op = this.network.ops[item.op];
    if (item.label.replace(/#\d+$/, "").replaceAll("_", " ") !== op.o) return op.k;
    return op.in.length > 1 ? `${op.in.length} ways meet` : "";
  }

  // "8 × Bottleneck", or what the group is.
  #parts(item) {
    const blocks = item.children.filter((child) => child.children);
    const kinds = new Set(blocks.map((child) => child.kind));
    const alike = blocks.length === item.children.length && kinds.size === 1;
    if (alike) return `${blocks.length} × ${blocks[0].kind}${this.#meet(blocks[0])}`;
    return (CONTAINERS.has(item.kind) ? `${item.last - item.first + 1} operators` : item.kind) + this.#meet(item);
  }

  // ", shortcut" or ", 4 branches": that ways meet inside, which nobody sees while it is closed.
  #meet(group) {
    for (const child of group.children) {
      const op = child.children ? null : this.network.ops[child.op];
      if (!op || op.in.length < 2) continue;
      if (op.o === "add") return ", shortcut";
      if (op.o === "concatenate") return `, ${op.in.length} branches`;
    }
    return "";
  }

  // Colours, values, selection: all that changes without moving anything.
  paint() {
    const { metric, scale, selected, found } = this.app;
    const { of, text } = METRICS[metric];
    const ramp = RAMPS[this.app.dark() ? "dark" : "light"];
    const related = this.#related(selected);
    for (const [item] of this.layout.boxes) {
      const node = this.elements.get(`n${item.id}`);
      const value = of(item);
      const place = item.open && item.children ? null : scale.place(value);
      const colour = place === null ? null : blend(ramp, stepped(place));
      const fill = colour ? `rgb(${colour})` : "";
      if (node.fill !== fill) {
        node.fill = fill;
        node.style.setProperty("--fill", fill);
        node.style.setProperty("--on", colour ? inkOn(colour) : "");
        node.classList.toggle("plain", !colour);
      }
      const words = value ? text(value) : "";
      if (node.lastChild.textContent !== words) node.lastChild.textContent = words;
      node.classList.toggle("found", found.has(item));
      node.classList.toggle("aside", found.size > 0 && !found.has(item));
      const chosen = item === selected;
      node.setAttribute("aria-selected", String(chosen));
      node.tabIndex = chosen || (!related && item === this.network.root.children[0]) ? 0 : -1;
      this.elements.get(`f${item.id}`)?.classList.toggle("chosen", chosen);
    }
    for (const path of this.paths.values()) {
      path.classList.toggle("feeds", Boolean(related) && related.has(path.line.source) && this.#reaches(path.line, related));
    }
    this.drawMap();
  }

  // The operators whose outputs have a part in what the selected item gives.
  #related(selected) {
    if (selected?.network !== this.network) return null;
    const related = new Set([selected.out]);
    for (let op = selected.out; op >= 0; op -= 1) {
      if (related.has(op)) this.network.ops[op].in.forEach((source) => related.add(source));
    }
    return related;
  }

  #reaches({ group, to, source }, related) {
    const target = to ?? group;
    for (const reader of this.network.readers[source]) {
      const inside_ = reader >= target.first && reader <= target.last;
      if (related.has(reader) && (to ? inside_ : !inside_)) return true;
    }
    return false;
  }

  // The viewport.

  move() {
    if (this.printed) return;
    const { width, height } = this.size();
    const room = 80;
    this.x = clamp(this.x, room - this.layout.width * this.scale, width - room);
    this.y = clamp(this.y, room - this.layout.height * this.scale, height - room);
    this.world.style.transform = `translate(${this.x}px,${this.y}px) scale(${this.scale})`;
    this.element.classList.toggle("far", this.scale < 0.45);
    this.drawMap();
  }

  // Measured once, and again when the pane changes: asking makes the browser lay out the page.
  size() {
    this.measured ??= { width: this.element.clientWidth, height: this.element.clientHeight };
    return this.measured;
  }

  // Have the other pane stand at the same share of its own height.
  lead() {
    const { height } = this.size();
    const at = (height / 2 - this.y) / (this.layout.height * this.scale);
    for (const other of this.app.panes) {
      const tall = other.layout.height * other.scale;
      if (other === this || tall < other.size().height) continue;
      other.y = other.size().height / 2 - at * tall;
      other.move();
    }
  }

  zoom(factor, at) {
    const { width, height } = this.size();
    const [cx, cy] = at ?? [width / 2, height / 2];
    const scale = clamp(this.scale * factor, SMALLEST, 2.5);
    this.x = cx - ((cx - this.x) * scale) / this.scale;
    this.y = cy - ((cy - this.y) * scale) / this.scale;
    this.scale = scale;
    this.move();
  }

  // Show all; `least`: not smaller than that, and then from the top.
  fit(least = 0) {
    const { width, height } = this.size();
    const { width: w, height: h } = this.layout;
    const [top, foot, side] = [this.app.networks.length > 1 ? 46 : 28, 28, 34];
    const room = width - STRIP;
    const [across, down] = [(room - 2 * side) / w, (height - top - foot) / h];
    // What is too tall to be read whole is shown at its full size, where the width allows it.
    const legible = least && Math.max(least, Math.min(across, 1));
    this.scale = Math.max(Math.min(across, down, 1.15), legible, SMALLEST);
    this.x = (room - w * this.scale) / 2;
    this.y = Math.max(top, (height - foot + top - h * this.scale) / 2);
    this.move();
  }

  // Move no more than it takes for an item to be seen; to the middle, if it was far away.
  show(item) {
    if (!this.layout.boxes.has(item)) {
      this.network.reveal(item);
      this.draw();
    }
    const box = this.layout.boxes.get(item);
    const { width, height } = this.size();
    if (this.scale < 0.5) this.zoom(0.8 / this.scale);
    const [x, y] = [box.x * this.scale + this.x, box.y * this.scale + this.y];
    const [w, h] = [box.width * this.scale, Math.min(box.height, 60) * this.scale];
    if (x < 20 || x + w > width - 20) this.x += width / 2 - (x + w / 2);
    if (y < 30 || y + h > height - 50) this.y += height * 0.4 - (y + h / 2);
    this.move();
  }

  openAll(open) {
    for (const group of this.network.groups.values()) group.open = open;
    this.network.root.open = true;
    this.draw();
    this.fit(LEGIBLE);
    this.app.refresh(this);
  }

  // The whole network as a strip at the side, with what is in view; at the next frame.
  drawMap() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.#drawMap();
    });
  }

  #drawMap() {
    const { height } = this.size();
    const { width: w, height: h, boxes } = this.layout;
    const needed = h * this.scale > height * 1.02;
    this.map.hidden = !needed;
    if (!needed || !height) return;
    const ratio = globalThis.devicePixelRatio || 1;
    const [across, down] = [40, height - (this.app.networks.length > 1 ? 105 : 70)];
    this.map.width = across * ratio;
    this.map.height = down * ratio;
    this.map.style.height = `${down}px`;
    // A strip, not a likeness: as long as there is room, and as wide as it is.
    this.mapScale = Math.min(down / h, 0.5);
    const wide = Math.min(across / w, 36 / CARD.width);
    const pen = this.map.getContext("2d");
    const style = getComputedStyle(this.element);
    const [rule, accent] = ["--rule", "--accent"].map((name) => style.getPropertyValue(name));
    pen.scale(ratio, ratio);
    for (const [item, box] of boxes) {
      if (item.open && item.children) continue;
      pen.fillStyle = this.elements.get(`n${item.id}`).fill || rule;
      const tall = Math.max(box.height * this.mapScale - 0.4, 0.8);
      pen.fillRect(across / 2 + (box.x - w / 2) * wide, box.y * this.mapScale, Math.max(box.width * wide - 0.5, 1), tall);
    }
    pen.strokeStyle = accent;
    pen.lineWidth = 1.5;
    const [top, end] = [-this.y / this.scale, (height - this.y) / this.scale].map((y) => clamp(y, 0, h) * this.mapScale);
    pen.strokeRect(0.75, top + 0.75, across - 1.5, Math.max(end - top - 1.5, 4));
  }

  // The neighbour of an item on the screen: what it feeds, what it reads, or what stands beside it.
  neighbour(item, key) {
    const boxes = this.layout.boxes;
    const from = boxes.get(item);
    if (!from) return null;
    const [dx, dy] = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[key];
    const middle = (box, other) => {
      const tall = other.open && other.children ? 40 : box.height;
      return [box.x + box.width / 2, box.y + tall / 2];
    };
    const [x, y] = middle(from, item);
    let best = null;
    let least = Infinity;
    for (const [other, box] of boxes) {
      if (other === item) continue;
      const [ox, oy] = middle(box, other);
      const ahead = (ox - x) * dx + (oy - y) * dy;
      const aside = Math.abs((ox - x) * dy) + Math.abs((oy - y) * dx);
      if (ahead < 4 || (dx && aside > 60)) continue;
      const cost = ahead + 0.6 * aside;
      if (cost < least) [best, least] = [other, cost];
    }
    return best;
  }
}
