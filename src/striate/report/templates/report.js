"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const make = (name, text, style) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (style) element.className = style;
    return element;
  };
  const draw = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  const { cells, classes, pixels, pictures } = read("cells-data");

  // Charts: what lies under the pointer, or under a cursor that the arrow keys move.

  const nearest = (places, x) => {
    let best = 0;
    places.forEach((place, i) => {
      if (Math.abs(place - x) < Math.abs(places[best] - x)) best = i;
    });
    return best;
  };

  const readLines = (chart, at) => ({
    x: chart.x[at],
    title: chart.names[at],
    rows: chart.rows.map((row) => [row.name, row.text[at]]),
    shapes: [
      draw("line", { x1: chart.x[at], x2: chart.x[at], y1: chart.top, y2: chart.bottom }),
      ...chart.rows
        .filter((row) => row.y[at] !== null)
        .map((row) => draw("circle", { cx: chart.x[at], cy: row.y[at], r: 3, class: `dot ${row.style}` })),
    ],
  });

  const readHeat = (chart, column, row) => {
    const [left, top, width, height] = chart.box;
    const w = width / chart.columns.length;
    const h = height / chart.rows.length;
    const epoch = chart.columns[column];
    return {
      x: left + (column + 0.5) * w,
      title: chart.rows[row],
      rows: [[epoch === "start" ? "before training" : `epoch ${epoch}`, chart.values[row][column] ?? "none"]],
      shapes: [draw("rect", { x: left + column * w, y: top + row * h, width: w, height: h })],
    };
  };

  const readPoint = (chart, at) => ({
    x: chart.x[at],
    title: chart.names[at],
    picture: pictures[chart.images[at]],
    rows: chart.rows[at],
    shapes: [draw("circle", { cx: chart.x[at], cy: chart.y[at], r: 5 })],
  });

  const nearestPoint = (chart, x, y) => {
    let best = 0;
    const away = (i) => (chart.x[i] - x) ** 2 + (chart.y[i] - y) ** 2;
    chart.x.forEach((_, i) => {
      if (away(i) < away(best)) best = i;
    });
    return best;
  };

  const readers = { lines: readLines, heat: readHeat, points: readPoint };

  const activate = (figure, chart) => {
    const svg = figure.querySelector("svg.chart");
    const cursor = svg.querySelector(".cursor");
    const tip = make("div", undefined, "tip");
    tip.hidden = true;
    figure.append(tip);
    let column = 0;
    let row = 0;
    const clamp = (value, most) => Math.min(Math.max(value, 0), most - 1);

    const show = () => {
      const found = readers[chart.kind](chart, column, row);
      cursor.replaceChildren(...found.shapes);
      tip.replaceChildren(make("b", found.title));
      if (found.picture) {
        const picture = make("img", undefined, pixels ? "pixels" : "");
        picture.src = found.picture;
        picture.alt = "";
        tip.append(picture);
      }
      for (const [name, value] of found.rows) {
        const line = make("span");
        line.append(make("span", name), make("span", value));
        tip.append(line);
      }
      tip.hidden = false;
      const scale = svg.clientWidth / svg.viewBox.baseVal.width;
      const x = svg.getBoundingClientRect().left - figure.getBoundingClientRect().left + found.x * scale;
      const left = x > figure.clientWidth / 2 ? x - tip.offsetWidth - 12 : x + 12;
      tip.style.left = `${Math.max(4, Math.min(left, figure.clientWidth - tip.offsetWidth - 4))}px`;
      // Above the plot, so that it never hides what it speaks of.
      const top = svg.getBoundingClientRect().top - figure.getBoundingClientRect().top;
      tip.style.top = `${top - tip.offsetHeight}px`;
    };
    const hide = () => {
      cursor.replaceChildren();
      tip.hidden = true;
    };
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * scale;
      const y = (event.clientY - box.top) * scale;
      if (chart.kind === "lines") {
        column = nearest(chart.x, x);
      } else if (chart.kind === "points") {
        column = nearestPoint(chart, x, y);
      } else {
        const [left, top, width, height] = chart.box;
        column = clamp(Math.floor(((x - left) / width) * chart.columns.length), chart.columns.length);
        row = clamp(Math.floor(((y - top) / height) * chart.rows.length), chart.rows.length);
      }
      show();
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "Escape") hide();
      if (!step || (chart.kind !== "heat" && step[1])) return;
      event.preventDefault();
      column = clamp(column + step[0], (chart.x ?? chart.columns).length);
      if (chart.kind === "heat") row = clamp(row + step[1], chart.rows.length);
      show();
    });
  };

  const charts = read("charts-data");
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    activate(figure, charts[figure.dataset.chart]);
  }

  // Confusion: the images behind a cell.

  const panel = document.getElementById("panel");
  const readout = document.getElementById("readout");
  const buttons = [...document.querySelectorAll("button.cell")];
  const images = (count) => (count === 1 ? "1 image" : `${count} images`);
  const say = (key) => {
    const [truth, given] = key.split(",").map((i) => `“${classes[i]}”`);
    return truth === given ? `${truth}, classified correctly` : `${truth}, taken for ${given}`;
  };

  const open = (key, move) => {
    const cell = cells[key];
    const [truth, given] = key.split(",");
    document.getElementById("panel-title").textContent = say(key);
    const order = truth === given ? "least confident first" : "most confident first";
    document.getElementById("panel-note").textContent =
      cell.shown.length === cell.images
        ? `${images(cell.images)}, ${order}, each with the probability of “${classes[given]}”`
        : `${cell.shown.length} of ${images(cell.images)}, ${order}, each with the probability of “${classes[given]}”`;
    document.getElementById("panel-images").replaceChildren(
      ...cell.shown.map((each) => {
        const figure = make("figure");
        const picture = make("img", undefined, pixels ? "pixels" : "");
        picture.src = each.source;
        picture.alt = each.name;
        picture.title = each.name;
        const caption = make("figcaption");
        caption.append(make("span", each.probability), make("span", each.file));
        figure.append(picture, caption);
        return figure;
      }),
    );
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.cell === key));
    if (move) panel.scrollIntoView({ block: "nearest" });
  };

  const place = new Map();
  for (const button of buttons) {
    const cell = button.parentElement;
    place.set(button, [cell.parentElement.rowIndex, cell.cellIndex]);
    const tell = () => {
      readout.textContent = `${say(button.dataset.cell)}: ${images(Number(button.textContent))}, ${button.dataset.share} of its class.`;
    };
    button.addEventListener("pointerenter", tell);
    button.addEventListener("focus", tell);
    button.addEventListener("click", () => {
      for (const other of buttons) other.tabIndex = other === button ? 0 : -1;
      open(button.dataset.cell, true);
    });
  }
  // Arrow keys go to the next cell that holds images, so that the matrix is one stop of the Tab key.
  const matrix = document.querySelector("table.matrix");
  matrix?.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const from = place.get(document.activeElement);
    if (!step || !from) return;
    event.preventDefault();
    const next = buttons
      .map((button) => {
        const [r, c] = place.get(button);
        const along = (r - from[0]) * step[0] + (c - from[1]) * step[1];
        const aside = Math.abs((r - from[0]) * step[1]) + Math.abs((c - from[1]) * step[0]);
        return { button, along, aside };
      })
      .filter(({ along }) => along > 0)
      .sort((a, b) => a.aside - b.aside || a.along - b.along)[0];
    if (!next) return;
    document.activeElement.tabIndex = -1;
    next.button.tabIndex = 0;
    next.button.focus();
  });
  for (const button of document.querySelectorAll("button.open")) {
    button.addEventListener("click", () => open(button.dataset.cell, true));
  }
  const first = Object.keys(cells)[0];
  if (first) {
    open(first, false);
    (buttons.find((button) => button.dataset.cell === first) ?? buttons[0]).tabIndex = 0;
  }

  // Tables: sorted by a click on a column's name.

  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector("button")?.addEventListener("click", () => {
        const number = head.classList.contains("n");
        const was = head.getAttribute("aria-sort");
        const down = was === "none" ? number : was === "ascending";
        for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].sort((a, b) => {
          const [x, y] = [value(a, column), value(b, column)];
          const order = number ? x - y : x.localeCompare(y);
          return down ? -order : order;
        });
        body.append(...rows);
      });
    });
  }
  document.getElementById("filter")?.addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const row of document.querySelectorAll("#per-class tbody tr")) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    }
  });
})();
