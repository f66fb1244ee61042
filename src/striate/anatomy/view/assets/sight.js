// What a cell sees: the picture that goes into the network beside the feature map of an operator.

const BRANCHES = 6; // ways that meet and are told apart

class Sight {
  constructor(app) {
    this.app = app;
    this.image = draw("image", { preserveAspectRatio: "none" });
    this.shade = draw("path", { class: "shade", "fill-rule": "evenodd" });
    this.ways = draw("g", { class: "ways" });
    this.frame = draw("rect", { class: "frame-seen", id: "seen" });
    this.photo = draw("svg", { class: "photo", role: "img" }, this.image, this.shade, this.frame, this.ways);
    this.canvas = make("canvas", "cells");
    this.lines = draw("path", { class: "cell-lines" });
    this.cursor = draw("rect", { class: "cell-cursor", id: "cell" });
    this.over = draw("svg", { class: "cell-over", "aria-hidden": "true" }, this.lines, this.cursor);
    this.pad = make("div", "pad", this.canvas, this.over);
    this.pad.id = "pad";
    this.pad.tabIndex = 0;
    this.pad.setAttribute("role", "application");
    this.pad.setAttribute("aria-roledescription", "feature map");
    this.pad.setAttribute("aria-describedby", "readout");
    this.readout = make("p", "readout");
    this.readout.id = "readout";
    this.readout.setAttribute("aria-live", "polite");
    this.legend = make("ul", "ways-legend");
    this.photoCaption = make("figcaption", "", "");
    this.padCaption = make("figcaption", "", "");
    this.picture = make("figure", "", this.photoCaption, this.photo);
    this.map = make("figure", "", this.padCaption, this.pad);
    this.answers = make("section", "answers");
    this.element = make("div", "sight", this.picture, this.map, this.readout, this.legend, this.answers);
    this.#listen();
  }

  // Turn to an operator; `cell` is [row, column], the middle if absent.
  show(network, op, cell) {
    if (this.network !== network) this.#hang(network);
    Object.assign(this, { network, op });
    const { s: shape } = network.ops[op];
    this.spatial = network.isGrid(op);
    this.grid = shape.length === 3 ? shape.slice(1) : network.isPlaced(op) ? [1, 1, ...shape.slice(1)].slice(-2) : [1, 1];
    this.picture.hidden = !network.picture;
    // A vector has no cells to show.
    this.map.hidden = !network.picture || shape.length !== 3 || Math.max(...this.grid) === 1;
    this.cell = (cell ?? this.grid.map((side) => Math.floor(side / 2))).map((at, axis) => clamp(at, 0, this.grid[axis] - 1));
    const [rows, columns] = this.grid;
    this.over.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    // A grid of one size looks like the picture's next to it, whatever its numbers.
    if (network.picture) this.pad.style.aspectRatio = `${network.picture.width} / ${network.picture.height}`;
    this.over.setAttribute("preserveAspectRatio", "none");
    const [down, across] = [Array.from({ length: rows - 1 }), Array.from({ length: columns - 1 })];
    const few = Math.max(rows, columns) <= 32;
    this.lines.setAttribute(
      "d",
      few ? [...down.map((_, y) => `M0 ${y + 1}H${columns}`), ...across.map((_, x) => `M${x + 1} 0V${rows}`)].join("") : "",
    );
    this.pad.classList.toggle("single", !this.spatial);
    this.padCaption.replaceChildren(make("b", "", "Feature map"), ` ${shape.map(grouped).join(" × ")}`);
    this.paint();
    this.look();
  }

  #hang(network) {
    this.#answer(network.data.answers);
    if (!network.picture) return;
    const { src, width, height, pixels, name } = network.picture;
    this.photo.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.photo.setAttribute("aria-label", `The picture that goes in: ${name}`);
    this.photo.classList.toggle("pixels", pixels);
    for (const [key, value] of Object.entries({ href: src, width, height })) this.image.setAttribute(key, value);
    this.photoCaption.replaceChildren(make("b", "", "Picture"), ` ${width} × ${height}`);
    network.bitmap ??= new Image();
    network.bitmap.src = src;
    network.bitmap.decode().then(() => this.paint(), () => undefined);
  }

  // What the network says of the picture, the likeliest class first.
  #answer(answers) {
    this.answers.hidden = !answers;
    if (!answers) return;
    const rows = answers.map(({ name, share: part }) => {
      const bar = make("i", "");
      bar.style.width = `${100 * part}%`;
      return make("li", "", make("b", "", name), make("span", "", share(part, 1)), make("i", "bar", bar));
    });
    this.answers.replaceChildren(make("h3", "", "Prediction"), make("ol", "", ...rows));
  }

  // The cells: one channel's activations, or, without any, the picture at this grid's fineness.
  paint() {
    const { network, op, canvas } = this;
    if (!network?.picture) return;
    const thumb = network.data.thumbs[op];
    const [rows, columns] = this.grid;
    const [height, width] = thumb ? thumb.tile : [rows, columns];
    Object.assign(canvas, { width, height });
    this.pad.classList.toggle("mosaic", !thumb);
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    if (!thumb) {
      if (network.bitmap.complete && network.bitmap.naturalWidth) pen.drawImage(network.bitmap, 0, 0, width, height);
      return;
    }
    const sheet = this.sheets(thumb);
    if (!sheet.complete || !sheet.naturalWidth) {
      sheet.addEventListener("load", () => this.op === op && this.paint(), { once: true });
      return;
    }
    const at = clamp(this.app.channel, 0, thumb.channels.length - 1);
    pen.drawImage(sheet, (at % thumb.across) * width, Math.floor(at / thumb.across) * height, width, height, 0, 0, width, height);
    tint(pen, width, height);
  }

  sheets(thumb) {
    if (!thumb.sheet) {
      thumb.sheet = new Image();
      thumb.sheet.src = thumb.src;
    }
    return thumb.sheet;
  }

  // The rows and columns of the picture that a cell of an operator sees, from the first to the last.
  bounds(network, op, cell) {
    const [rows, columns] = network.ops[op].f.map(([jump, low, high], axis) => {
      if (low === null) return [0, network.data.size[axis] - 1];
      const shift = (cell[axis] ?? 0) * jump;
      return [Math.ceil(low + shift - 1e-6), Math.floor(high + shift + 1e-6)];
    });
    return { top: rows[0], bottom: rows[1], left: columns[0], right: columns[1] };
  }

  // Draw what the chosen cell sees, and by which ways.
  look(op = this.op, cell = this.cell) {
    const { network } = this;
    if (!network.ops[op].f) {
      this.#blind();
      return;
    }
    const [height, width] = network.data.size;
    const bounds = this.bounds(network, op, cell);
    const clipped = clip(bounds, width, height);
    const [x, y, w, h] = clipped;
    const empty = w <= 0 || h <= 0;
    this.shade.setAttribute("d", `M0 0H${width}V${height}H0Z${empty ? "" : `M${x} ${y}V${y + h}H${x + w}V${y}Z`}`);
    setBox(this.frame, empty ? [0, 0, 0, 0] : clipped);
    const ways = this.#ways(op, cell);
    this.ways.replaceChildren(...dashed(ways).map(({ way, dashes }, index) => setBox(draw("rect", { class: `way way${index}`, ...dashes }), way.box)));
    this.legend.replaceChildren(
      ...ways.map((way, index) => make("li", "", make("i", `swatch way${index}`), make("b", "", way.name), ` sees ${way.size}`)),
    );
    if (op === this.op) {
      setBox(this.cursor, [this.cell[1], this.cell[0], 1, 1]);
      this.pad.setAttribute("aria-label", `Feature map of ${network.ops[op].n}: arrow keys move over its cells`);
    }
    this.readout.replaceChildren(...this.#words(op, cell, bounds, clipped));
  }

  #blind() {
    this.shade.setAttribute("d", "");
    setBox(this.frame, [0, 0, 0, 0]);
    this.ways.replaceChildren();
    this.legend.replaceChildren();
    const none = this.network.data.space === "none";
    this.readout.replaceChildren(none ? "The input has no rows and columns: there is no receptive field to show." : "This operator does not depend on the first input.");
  }

  // The ways that meet in this operator, or in the last one before it that changed nothing in sight.
  #ways(op, cell) {
    const { network } = this;
    const { ops } = network;
    const same = (a, b) => ops[b].f && JSON.stringify(ops[a].f) === JSON.stringify(ops[b].f);
    let at = op;
    while (ops[at].in.length === 1 && same(at, ops[at].in[0])) [at] = ops[at].in;
    const inputs = [...new Set(ops[at].in)].filter((source) => network.isGrid(source));
    if (inputs.length < 2 || !network.isGrid(at)) return [];
    const [height, width] = network.data.size;
    return inputs
      .slice(0, BRANCHES)
      .map((source) => {
        const [rows, columns] = network.seen(source);
        const name = network.leaves[source].name;
        return { name, size: `${sides(rows, columns)}`, area: rows * columns, box: clip(this.bounds(network, source, cell), width, height) };
      })
      .sort((a, b) => b.area - a.area);
  }

  #words(op, cell, { top, bottom, left, right }, [, , w, h]) {
    const { network } = this;
    const [height, width] = network.data.size;
    const [rows, columns] = network.seen(op);
    if (network.data.space === "line") return lineWords(network, op, cell, { left, right });
    if (network.data.space === "volume") {
      const seen = network.isPlaced(op) ? `Sees ${sides(rows, columns)} pixels` : "Sees everything";
      return [make("b", "", seen), ` of each slice of ${sides(height, width)}. How many slices is not followed.`];
    }
    if (!network.isGrid(op) || !network.isPlaced(op)) {
      return [make("b", "", `Sees the whole picture`), `, ${sides(height, width)} pixels.`];
    }
    const size = make("b", "", sides(rows, columns));
    size.id = "seen-size";
    const words = [`Row ${cell[0]}, column ${cell[1]} sees `, size, " pixels: ", make("span", "nobreak", `rows ${dots(top, bottom)}`), ", ", make("span", "nobreak", `columns ${dots(left, right)}`)];
    if (h < rows || w < columns) words.push(h > 0 && w > 0 ? `; ${sides(h, w)} of them lie in the picture, the rest is padding` : "; all of it padding");
    if (network.ops[op].e) words.push(". Gates on the way there come from the whole picture");
    return [...words, "."];
  }

  // Take another cell.
  choose(cell) {
    this.cell = cell.map((at, axis) => clamp(at, 0, this.grid[axis] - 1));
    this.look();
    this.app.remember();
  }

  #listen() {
    const under = (event) => {
      const box = this.pad.getBoundingClientRect();
      return [
        Math.floor(((event.clientY - box.top) / box.height) * this.grid[0]),
        Math.floor(((event.clientX - box.left) / box.width) * this.grid[1]),
      ];
    };
    const follow = (event) => this.spatial && (event.pointerType === "mouse" || event.buttons) && this.choose(under(event));
    this.pad.addEventListener("pointermove", follow);
    this.pad.addEventListener("pointerdown", (event) => this.spatial && this.choose(under(event)));
    this.pad.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!step || !this.spatial) return;
      event.preventDefault();
      event.stopPropagation();
      const stride = event.shiftKey ? 5 : 1;
      this.choose(this.cell.map((at, axis) => at + step[axis] * stride));
    });
  }
}

// What a position of a line sees of the samples.
function lineWords(network, op, cell, { left, right }) {
  const samples = network.data.size[1];
  const [first, last] = [Math.max(left, 0), Math.min(right, samples - 1)];
  if (!network.isPlaced(op)) {
    const all = last - first + 1 === samples;
    return all ? [make("b", "", `Sees all ${grouped(samples)} samples`), "."] : [make("b", "", `Sees ${grouped(last - first + 1)} of ${grouped(samples)} samples`), `: ${dots(left, right)}.`];
  }
  const seen = make("b", "", grouped(network.seen(op)[1]));
  const beyond = right - left === last - first ? "" : "; what lies beyond the ends is padding";
  return [`Position ${grouped(cell[1])} of ${grouped(network.ops[op].s.at(-1))} sees `, seen, ` of ${grouped(samples)} samples: ${dots(left, right)}${beyond}.`];
}

// Ways of one and the same box take turns along its edge, so that none hides another.
const DASH = 7;
const dashed = (ways) =>
  ways.map((way) => {
    const same = ways.filter((other) => String(other.box) === String(way.box));
    const turn = same.indexOf(way);
    return { way, dashes: { "stroke-dasharray": `${DASH} ${DASH * Math.max(same.length - 1, 0.6)}`, "stroke-dashoffset": -DASH * turn } };
  });

const dots = (from, to) => (from === to ? String(from) : `${from} … ${to}`).replaceAll("-", "−");

// [x, y, width, height] of the pixels that lie in the picture.
const clip = ({ top, bottom, left, right }, width, height) => {
  const [x, y] = [Math.max(left, 0), Math.max(top, 0)];
  return [x, y, Math.min(right, width - 1) - x + 1, Math.min(bottom, height - 1) - y + 1];
};

const setBox = (rect, [x, y, width, height]) => {
  const values = { x, y, width: Math.max(width, 0), height: Math.max(height, 0) };
  for (const [key, value] of Object.entries(values)) rect.setAttribute(key, value);
  return rect;
};

// Grey levels to colours whose lightness rises all the way.
const HEAT = ["#16222f", "#1f6080", "#34968c", "#8cc482", "#f4e296"];
const heatTable = Array.from({ length: 256 }, (_, level) => blend(HEAT, level / 255));

function tint(pen, width, height) {
  const pixels = pen.getImageData(0, 0, width, height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    const colour = heatTable[pixels.data[at]];
    for (let channel = 0; channel < 3; channel += 1) pixels.data[at + channel] = colour[channel];
  }
  pen.putImageData(pixels, 0, 0);
}
