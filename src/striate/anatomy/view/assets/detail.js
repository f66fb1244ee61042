// All about the chosen layer: its place, what it costs, what it computed, and the arithmetic.

class Detail {
  constructor(app) {
    this.app = app;
    this.head = make("div", "detail-head");
    this.body = make("div", "detail-body");
  }

  show(item) {
    const { network } = item;
    const op = network.ops[item.out];
    const crumbs = make("nav", "crumbs");
    crumbs.setAttribute("aria-label", "Groups around this layer");
    for (let group = item.parent; group; group = group.parent) {
      crumbs.prepend(this.#link(group, group.parent ? group.label : network.data.name), make("i", "", "›"));
    }
    const title = make("h2", "", network.titleOf(item));
    title.id = "chosen";
    const about = item.children ? `${item.kind}, ${item.last - item.first + 1} operators` : op.d;
    this.head.replaceChildren(crumbs, title, make("p", "about", about));
    this.body.replaceChildren(
      ...[this.#channels(item), this.#costs(item), item.children ? this.#dearest(item) : this.#arithmetic(network, op), this.#ways(item)].filter(Boolean),
    );
  }

  #link(item, text) {
    const link = make("button", "link", text);
    link.type = "button";
    link.addEventListener("click", () => this.app.visit(item));
    return link;
  }

  #channels(item) {
    const { network } = item;
    const thumb = network.data.thumbs[item.out];
    if (!thumb) return null;
    const list = make("div", "channels");
    list.setAttribute("role", "group");
    list.setAttribute("aria-label", "Channels");
    const buttons = thumb.channels.map((channel, index) => {
      const canvas = make("canvas", "");
      const [height, width] = thumb.tile;
      Object.assign(canvas, { width, height });
      const button = make("button", "channel", canvas);
      button.type = "button";
      button.title = `Channel ${channel}`;
      button.setAttribute("aria-label", `Channel ${channel}`);
      button.addEventListener("click", () => {
        this.app.channel = index;
        this.app.sight.paint();
        mark();
      });
      return button;
    });
    const mark = () => buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === clamp(this.app.channel, 0, buttons.length - 1))));
    mark();
    list.append(...buttons);
    const sheet = this.app.sight.sheets(thumb);
    const fill = () =>
      buttons.forEach((button, index) => {
        const [height, width] = thumb.tile;
        const pen = button.firstChild.getContext("2d", { willReadFrequently: true });
        pen.drawImage(sheet, (index % thumb.across) * width, Math.floor(index / thumb.across) * height, width, height, 0, 0, width, height);
        tint(pen, width, height);
      });
    if (sheet.complete && sheet.naturalWidth) fill();
    else sheet.addEventListener("load", fill, { once: true });
    const all = network.ops[item.out].s[0];
    const note = thumb.channels.length < all ? `${thumb.channels.length} of ${grouped(all)} channels, those that vary most` : `${grouped(all)} channels`;
    return make("section", "", make("h3", "", "Activations ", make("span", "", note)), list);
  }

  #costs(item) {
    const { network } = item;
    const { root } = network;
    const list = make("dl", "costs");
    for (const [key, { title, of, text }] of Object.entries(METRICS)) {
      if (key === "field") continue;
      const bar = make("i", "bar");
      const fill = make("i", "");
      fill.style.width = `${(100 * of(item)) / Math.max(of(root), 1)}%`;
      bar.append(fill);
      list.append(make("div", "", make("dt", "", title), make("dd", "", make("b", "", text(of(item))), make("span", "", share(of(item), of(root))), bar)));
    }
    const op = network.ops[item.out];
    if (op.f) {
      const [height, width] = network.seen(item.out);
      const times = (value, axis) => (100 * value) / network.data.size[axis];
      const fill = make("i", "");
      fill.style.width = `${Math.min(100, Math.max(network.data.space === "line" ? 0 : times(height, 0), times(width, 1)))}%`;
      const jump = op.f.map(([step]) => step).filter((step) => step !== null).map(Math.abs); // less than 0 after a flip
      const steps = network.data.space === "line" ? jump.slice(-1) : [...new Set(jump)];
      const step = network.isPlaced(item.out) ? `jump ${steps.map((each) => +each.toFixed(3)).join(" × ")}` : "everything";
      const seen = network.data.space === "line" ? `${grouped(width)}${THIN}${width === 1 ? "sample" : "samples"}` : sides(height, width);
      list.append(make("div", "", make("dt", "", "Receptive field"), make("dd", "", make("b", "", seen), make("span", "", step), make("i", "bar", fill))));
    }
    return make("section", "", make("h3", "", "Costs ", make("span", "", "and share of the network")), list);
  }

  #dearest(item) {
    const metric = this.app.metric === "field" ? "macs" : this.app.metric;
    const { of, text, title } = METRICS[metric];
    const inside_ = item.children.filter((child) => of(child)).sort((a, b) => of(b) - of(a)).slice(0, 6);
    if (!inside_.length) return null;
    const rows = inside_.map((child) => make("li", "", this.#link(child, child.label), make("span", "", text(of(child)))));
    return make("section", "", make("h3", "", "Most inside ", make("span", "", `by ${title.toLowerCase().replace("macs", "MACs")}`)), make("ol", "dearest", ...rows));
  }

  #arithmetic(network, op) {
    const lines = [...op.x, ...this.#growth(network, op)];
    if (!lines.length) return null;
    const steps = lines.map(([what, rule, filled, value]) => {
      const sum = make("p", "", filled && filled !== value ? `${filled} = ` : null, make("b", "", value));
      return make("div", "step", make("h4", "", what), make("div", "", sum, make("p", "rule", rule)));
    });
    return make("section", "", make("h3", "", "Arithmetic"), ...steps);
  }

  // How the receptive field grows from what the operator reads, a line an axis or one for both.
  #growth(network, op) {
    const [source] = op.in;
    const before = op.in.length === 1 && network.ops[source].f;
    if (!before || !op.f || !op.w) return [];
    const lines = ["height", "width"].map((axis, at) => {
      if (before[at][1] === null || op.f[at][1] === null) return null;
      const [small, large, jump] = [network.ops[source].z[at], op.z[at], Math.abs(before[at][0])];
      const rest = op.w[at] > 1 ? ` + ${op.w[at] - 1}·${jump}` : "";
      const whole = large === small + (op.w[at] - 1) * jump;
      return [`receptive field, ${axis}`, "r + (k − 1)·j", whole ? `${small}${rest}` : "", String(large)];
    });
    if (lines.includes(null)) return [];
    const [height, width] = lines;
    return height[2] === width[2] && height[3] === width[3] ? [["receptive field", ...height.slice(1)]] : lines;
  }

  #ways(item) {
    const { network } = item;
    const from = new Set();
    const to = new Set();
    for (let op = item.first; op <= item.last; op += 1) {
      network.ops[op].in.filter((each) => each < item.first).forEach((each) => from.add(each));
      network.readers[op].filter((each) => each > item.last).forEach((each) => to.add(each));
    }
    const line = (title, all) => {
      const links = [...all].slice(0, 8).map((each) => this.#link(network.leaves[each], network.ops[each].n));
      return all.size ? make("div", "", make("dt", "", title), make("dd", "", ...links)) : null;
    };
    const rows = [line("Reads", from), line("Read by", to)].filter(Boolean);
    return rows.length ? make("section", "", make("dl", "neighbours", ...rows)) : null;
  }
}
