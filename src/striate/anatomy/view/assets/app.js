// The page: what is chosen, how it is coloured, the search, the keys, and the address.

class App {
  constructor(data) {
    this.data = data;
    this.networks = data.networks.map((each, number) => new Network(each, number));
    for (const network of this.networks) network.picture = network.data.picture;
    Object.assign(this, { metric: "macs", selected: null, found: new Set(), channel: 0, front: 0 });
    this.panes = this.networks.map((network) => new Pane(network, this));
    this.sight = new Sight(this);
    this.detail = new Detail(this);
    document.getElementById("panes").prepend(...this.panes.map((pane) => pane.element));
    document.getElementById("side").prepend(this.detail.head, this.sight.element, this.detail.body);
    for (const bar of document.querySelectorAll("[data-share]")) bar.style.width = `${100 * bar.dataset.share}%`;
    this.#controls();
    this.#recall();
    for (const pane of this.panes) {
      pane.draw();
      pane.fit(LEGIBLE);
    }
    this.choose(this.selected ?? this.#first(), { cell: this.askedCell, reveal: Boolean(this.selected) });
    addEventListener("hashchange", () => location.hash !== this.written && this.#recallAndDraw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
      this.system = event.matches;
      this.colour();
    });
    addEventListener("beforeprint", () => this.#print(true));
    addEventListener("afterprint", () => this.#print(false));
  }

  // Kept, because to ask the browser is to make it style the page anew.
  dark() {
    const asked = document.documentElement.dataset.theme;
    this.system ??= matchMedia("(prefers-color-scheme: dark)").matches;
    return asked ? asked === "dark" : this.system;
  }

  // The layer to begin with: the last grid of positions whose sight still differs.
  #first() {
    const network = this.networks[this.front];
    let best = 0;
    network.ops.forEach((op, index) => {
      if (network.isGrid(index) && Math.max(...network.seen(index)) < Math.max(...network.data.size) * 0.6) best = index;
    });
    return network.shown(network.leaves[best]);
  }

  choose(item, { cell, reveal = false } = {}) {
    this.selected = item;
    const pane = this.panes[item.network.number];
    if (this.front !== item.network.number) this.turn(item.network.number);
    this.sight.show(item.network, item.out, cell);
    this.detail.show(item);
    this.panes.forEach((each) => each.paint());
    if (reveal) pane.show(item);
    this.remember();
  }

  // After groups of a pane were opened or closed: paint, and stay with what is chosen, or with `item`.
  refresh(pane, item = this.selected) {
    pane.paint();
    if (item.network === pane.network) pane.show(pane.network.shown(item));
    this.remember();
  }

  // Go to an item wherever it is, opening what hides it.
  visit(item) {
    if (!item.parent) return;
    const pane = this.panes[item.network.number];
    if (this.front !== item.network.number) this.turn(item.network.number);
    item.network.reveal(item);
    pane.draw();
    this.choose(item, { reveal: true });
    this.focus(item);
  }

  focus(item) {
    this.panes[item.network.number].elements.get(`n${item.id}`)?.focus({ preventScroll: true });
  }

  // A click on a node: choose it; a group also opens or closes.
  press(item) {
    if (item.children) {
      item.open = !item.open;
      this.panes[item.network.number].draw(item);
    }
    this.choose(item);
    this.focus(item);
  }

  // A passing look at another layer's sight, from its middle cell.
  glance(item) {
    const { sight } = this;
    if (!item || item.network !== sight.network) {
      sight.look();
      return;
    }
    const { s: shape } = item.network.ops[item.out];
    sight.look(item.out, item.out === sight.op ? sight.cell : shape.slice(1).map((side) => Math.floor(side / 2)));
  }

  colour() {
    this.scale = scaleOf(this.metric, this.networks);
    this.panes.forEach((pane) => pane.layout && pane.paint());
    for (const button of document.querySelectorAll("#metrics button")) {
      button.setAttribute("aria-checked", String(button.dataset.metric === this.metric));
      button.tabIndex = button.dataset.metric === this.metric ? 0 : -1;
    }
    this.#legend();
  }

  #legend() {
    const { most: largest } = this.scale;
    const { text } = METRICS[this.metric];
    const ramp = RAMPS[this.dark() ? "dark" : "light"];
    const strip = document.getElementById("ramp");
    strip.style.background = `linear-gradient(90deg, ${stairs(ramp)})`;
    const least = this.metric === "field" ? 1 : largest / 10 ** DECADES;
    const middle = this.metric === "field" ? Math.sqrt(largest) : largest / 10 ** (DECADES / 2);
    const ends = [least, middle, largest].map((value) => make("span", "", value < 1 ? "0" : text(Math.round(value))));
    document.getElementById("ramp-ends").replaceChildren(...ends);
  }

  turn(number) {
    this.front = number;
    document.getElementById("panes").dataset.front = number;
    for (const tab of document.querySelectorAll("#switch button")) {
      tab.setAttribute("aria-pressed", String(Number(tab.dataset.network) === number));
    }
    this.panes[number].measured = null;
    this.panes[number].move();
  }

  #controls() {
    for (const button of document.querySelectorAll("#metrics button")) {
      button.addEventListener("click", () => this.paintBy(button.dataset.metric));
    }
    document.getElementById("metrics").addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      this.nextMetric(step);
      document.querySelector('#metrics [aria-checked="true"]').focus();
    });
    for (const tab of document.querySelectorAll("#switch button")) {
      tab.addEventListener("click", () => {
        this.turn(Number(tab.dataset.network));
        this.panes[this.front].fit(LEGIBLE);
      });
    }
    document.getElementById("theme").addEventListener("click", () => {
      document.documentElement.dataset.theme = this.dark() ? "light" : "dark";
      this.colour();
    });
    const help = document.getElementById("help");
    document.getElementById("help-open").addEventListener("click", () => help.showModal());
    help.addEventListener("click", (event) => event.target === help && help.close());
    new Search(this);
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  paintBy(metric) {
    this.metric = metric;
    this.colour();
    this.detail.show(this.selected);
    this.remember();
  }

  nextMetric(step) {
    const all = Object.keys(METRICS);
    this.paintBy(all[(all.indexOf(this.metric) + step + all.length) % all.length]);
  }

  #key(event) {
    if (event.target.closest("input, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    const pane = this.panes[this.front];
    const acts = {
      "/": () => document.getElementById("search").focus(),
      "?": () => document.getElementById("help").showModal(),
      f: () => pane.fit(),
      e: () => this.#openAll(true),
      x: () => this.#openAll(false),
      c: () => this.nextMetric(1),
      m: () => this.sight.pad.focus(),
      "+": () => pane.zoom(1.3),
      "=": () => pane.zoom(1.3),
      "-": () => pane.zoom(1 / 1.3),
      Escape: () => this.focus(this.selected),
    };
    const node = event.target.closest(".node") || event.target === document.body;
    if (node && event.key.startsWith("Arrow")) {
      acts[event.key] = () => this.#walk(event.key);
    }
    if (event.target.closest(".node")) {
      acts.Enter = acts[" "] = () => this.press(this.selected);
      acts.Backspace = () => this.#leave();
    }
    const act = acts[event.key] ?? acts[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #openAll(open) {
    for (const pane of this.panes) pane.openAll(open);
    this.panes[this.selected.network.number].lead();
  }

  #walk(key) {
    const pane = this.panes[this.selected.network.number];
    const next = pane.neighbour(pane.network.shown(this.selected), key);
    if (!next) return;
    this.choose(next, { reveal: true });
    this.focus(next);
  }

  // Close the group around what is chosen.
  #leave() {
    const group = this.selected.parent;
    if (!group?.parent) return;
    group.open = false;
    this.panes[group.network.number].draw(group);
    this.choose(group, { reveal: true });
    this.focus(group);
  }

  // The address.

  remember() {
    if (!this.selected) return;
    const parts = [`n=${encodeURIComponent(this.selected.name)}`];
    if (this.selected.network.number) parts.push(`in=${this.selected.network.number}`);
    if (this.sight.spatial) parts.push(`at=${this.sight.cell.join(",")}`);
    parts.push(`by=${this.metric}`);
    for (const network of this.networks) {
      const open = [...network.groups.values()].filter((group) => group.open && group.parent).map((group) => encodeURIComponent(group.name));
      parts.push(`open${network.number || ""}=${open.join(",")}`);
    }
    this.written = `#${parts.join("&")}`;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => history.replaceState(null, "", this.written), 120);
  }

  #recall() {
    const decode = (text) => {
      try {
        return decodeURIComponent(text);
      } catch {
        return text;
      }
    };
    const asked = new Map(location.hash.slice(1).split("&").map((part) => [part.split("=")[0], part.slice(part.indexOf("=") + 1)]));
    if (METRICS[asked.get("by")]) this.metric = asked.get("by");
    for (const network of this.networks) {
      const open = asked.get(`open${network.number || ""}`);
      if (open === undefined) continue;
      const names = new Set(open.split(",").map(decode));
      for (const group of network.groups.values()) group.open = names.has(group.name) || !group.parent;
    }
    const network = this.networks[Number(asked.get("in") ?? 0)] ?? this.networks[0];
    const item = asked.has("n") ? network.find(decode(asked.get("n"))) : null;
    if (item?.parent) {
      this.selected = item;
      network.reveal(item);
    }
    const cell = asked.get("at")?.split(",").map(Number);
    this.askedCell = cell?.length === 2 && cell.every(Number.isInteger) ? cell : undefined;
    this.colour();
  }

  #recallAndDraw() {
    this.#recall();
    this.panes.forEach((pane) => pane.draw());
    this.choose(this.selected.network.shown(this.selected), { cell: this.askedCell, reveal: true });
  }

  // Paper shows every pane whole, as large as its width allows.
  #print(before) {
    for (const pane of this.panes) {
      const scale = Math.min(680 / pane.layout.width, 940 / pane.layout.height, 1);
      pane.printed = before;
      pane.element.style.height = before ? `${pane.layout.height * scale + 50}px` : "";
      if (before) pane.world.style.transform = `translate(10px, 36px) scale(${scale})`;
      else pane.move();
    }
  }
}

// The search: names and operators that hold every word typed; Enter goes there.
class Search {
  constructor(app) {
    this.app = app;
    this.field = document.getElementById("search");
    this.list = document.getElementById("hits");
    this.hits = [];
    this.at = 0;
    this.field.addEventListener("input", () => this.look());
    this.field.addEventListener("focus", () => {
      this.look();
      this.field.select();
    });
    this.field.addEventListener("blur", () => setTimeout(() => this.#close(), 120));
    this.field.addEventListener("keydown", (event) => this.#key(event));
  }

  look() {
    const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (item) => `${item.name} ${item.kind} ${item.children ? "" : item.network.ops[item.op].d}`.toLowerCase();
    const all = this.app.networks.flatMap((network) => network.items.filter((item) => item.parent));
    this.hits = words.length ? all.filter((item) => words.every((word) => text(item).includes(word))) : [];
    this.at = 0;
    this.app.found = new Set(this.hits);
    this.app.panes.forEach((pane) => pane.paint());
    this.#draw(words.length > 0);
  }

  #draw(asked) {
    const two = this.app.networks.length > 1;
    const rows = this.hits.slice(0, 9).map((item, index) => {
      const row = make("li", "", make("b", "", item.name), make("span", "", two ? `${item.kind} in ${item.network.data.name}` : item.kind));
      row.setAttribute("role", "option");
      row.id = `hit${index}`;
      row.setAttribute("aria-selected", String(index === this.at));
      row.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        this.#go(item);
      });
      return row;
    });
    if (asked && !rows.length) rows.push(make("li", "none", "nothing by that name"));
    if (this.hits.length > 9) rows.push(make("li", "none", `and ${grouped(this.hits.length - 9)} more`));
    this.list.replaceChildren(...rows);
    this.list.hidden = !rows.length;
    this.field.setAttribute("aria-expanded", String(rows.length > 0));
    if (this.hits.length) this.field.setAttribute("aria-activedescendant", `hit${this.at}`);
    else this.field.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.hits.length) {
      event.preventDefault();
      const shown = Math.min(this.hits.length, 9);
      this.at = (this.at + step + shown) % shown;
      this.#draw(true);
    } else if (event.key === "Enter" && this.hits[this.at]) {
      this.#go(this.hits[this.at]);
    } else if (event.key === "Escape") {
      this.field.value = "";
      this.look();
      this.app.focus(this.app.selected);
    }
  }

  #go(item) {
    this.app.visit(item);
    this.#close();
  }

  #close() {
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
  }
}

const app = new App(JSON.parse(document.getElementById("data").textContent));
