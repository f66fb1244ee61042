"use strict";
(() => {
  const { models } = JSON.parse(document.getElementById("data").textContent);
  if (!models.length) return; // which the page says
  const at = (id) => document.getElementById(id);
  const make = (name, style, text) => {
    const element = document.createElement(name);
    if (style) element.className = style;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const AT_A_TIME = 2;
  const TRIES = 4;
  const MOST = 200;
  const MANY = 5;

  let model = models[0];
  let current = null;
  const pictures = []; // {name, blob, url, thumb, answers: {model: answer}}
  const queue = [];
  let sending = 0;

  // What the service is asked, and what it answers.

  const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

  const ask = async (picture, wanted, more = {}) => {
    const top = wanted.targets ? {} : { top: String(Math.min(MANY, wanted.classes)) };
    const query = new URLSearchParams({ model: wanted.name, ...top, ...more });
    const begin = performance.now();
    for (let time = 1; ; time += 1) {
      const response = await fetch(`/predict?${query}`, {
        method: "POST",
        headers: { "Content-Type": picture.blob.type || "application/octet-stream" },
        body: picture.blob,
      });
      if (response.status === 401) location.reload();
      const found = await response.json();
      if (response.ok) {
        const [{ predictions, values, heatmap, unsure }] = found.results;
        return { classes: predictions, values, heatmap, unsure, seconds: (performance.now() - begin) / 1000 };
      }
      if (response.status !== 503 || time === TRIES) return { error: found.error };
      await pause(Number(response.headers.get("Retry-After") ?? 1));
    }
  };

  const send = () => {
    while (sending < AT_A_TIME && queue.length) {
      const [picture, wanted] = queue.shift();
      sending += 1;
      ask(picture, wanted)
        .catch(() => ({ error: "The service does not answer. Is it still running?" }))
        .then((answer) => {
          picture.answers[wanted.name] = answer;
          sending -= 1;
          label(picture);
          if (picture === current) show();
          send();
        });
    }
  };

  const want = (picture, first) => {
    const known = picture.answers[model.name];
    const waits = queue.some((each) => each[0] === picture && each[1] === model);
    if ((known && !known.error) || known === null || waits) return;
    picture.answers[model.name] = null; // on its way
    queue[first ? "unshift" : "push"]([picture, model]);
    send();
  };

  // The picture and its classes.

  const percent = (share) => {
    if (share > 0 && share < 0.0005) return "< 0.1 %";
    return `${Math.min(100 * share, share < 1 ? 99.9 : 100).toFixed(1)} %`;
  };

  const LEVEL = 0.9; // of the interval that is shown beside a value
  const intervalOf = ({ intervals }) => intervals.find((each) => each.level === LEVEL) ?? intervals.at(-1);

  // Four digits, and more where the interval is narrower: never coarser than a hundredth of it. Of
  // what has no interval, all that stands before the point.
  const number = (value, interval) => {
    const width = interval ? interval.high - interval.low : 100;
    const places = width > 0 ? 2 - Math.floor(Math.log10(width)) : 0;
    const before = value ? Math.floor(Math.log10(Math.abs(value))) + 1 : 1;
    const digits = Math.min(Math.max(4, before + places), 21);
    return value.toLocaleString("en", { maximumSignificantDigits: digits });
  };
  const measured = (found) => {
    const text = number(found.value, intervalOf(found));
    return found.unit ? `${text} ${found.unit}` : text;
  };

  // A value with its interval as far as it is known: ± where it reaches as far to either side.
  const around = (value) => {
    const interval = intervalOf(value);
    return interval ? `± ${number((interval.high - interval.low) / 2, interval)} (${100 * interval.level} %)` : "";
  };

  const drawValues = ({ values, seconds }) => {
    const [first] = values;
    at("share").replaceChildren(number(first.value, intervalOf(first)), make("small", "", first.unit));
    at("class").textContent = `${first.target} ${around(first)}`;
    document.title = `${first.target} ${measured(first)} – ${model.name}`;
    const rows =
      values.length > 1
        ? values.map((each) => [each.target, `${measured(each)} ${around(each)}`])
        : first.intervals.map((each) => [
            `in ${100 * each.level} of 100 pictures`,
            `${number(each.low, each)} to ${number(each.high, each)}`,
          ]);
    at("bars").replaceChildren(
      ...rows.map(([name, text]) => {
        const row = make("li");
        row.append(make("span", "", name), make("span", "", text));
        return row;
      }),
    );
    note(seconds);
  };

  const show = () => {
    const answer = current?.answers[model.name];
    at("stage").classList.toggle("bare", !current);
    at("stage").classList.toggle("busy", Boolean(current) && !answer);
    at("shown").hidden = !current;
    at("empty").hidden = Boolean(current);
    at("nothing").hidden = Boolean(current);
    at("result").hidden = !current;
    for (const picture of pictures) picture.thumb.setAttribute("aria-pressed", String(picture === current));
    at("why").hidden = !current || !model.maps;
    place();
    if (!current) return;
    if (at("picture").src !== current.url) {
      at("picture").hidden = false;
      at("blank").hidden = true;
      at("picture").src = current.url;
    }
    at("picture").alt = current.name;
    at("name").textContent = current.name;
    at("answer").setAttribute("aria-busy", String(!answer));
    at("result").classList.toggle("failed", Boolean(answer?.error));
    if (!answer) {
      at("share").textContent = "…";
      at("class").textContent = "";
      at("bars").replaceChildren();
      at("note").textContent = "";
    } else if (answer.error) {
      at("share").textContent = "";
      at("class").textContent = answer.error;
      at("bars").replaceChildren();
      at("note").textContent = "";
    } else {
      drawAny(answer);
    }
  };

  const drawAny = (answer) => {
    at("bars").classList.toggle("values", Boolean(answer.values));
    (answer.values ? drawValues : draw)(answer);
  };

  const draw = ({ classes, unsure, seconds }) => {
    const [first] = classes;
    at("share").replaceChildren(percent(first.probability).replace(" %", ""), make("small", "", "%"));
    at("class").textContent = unsure ? `unsure: ${first.class}?` : first.class;
    document.title = `${first.class} ${percent(first.probability)} – ${model.name}`;
    const tracks = [];
    at("bars").replaceChildren(
      ...classes.map((each) => {
        const row = make("li");
        const track = make("span", "track");
        const bar = make("i");
        track.setAttribute("aria-hidden", "true");
        track.append(bar);
        tracks.push([bar, each.probability]);
        const name = make("span", "", model.maps ? undefined : each.class);
        if (model.maps) {
          const button = make("button", "", each.class);
          button.type = "button";
          button.title = "Show where the picture speaks for it";
          button.setAttribute("aria-pressed", String(mapping && each.class === (mapped ?? first.class)));
          button.addEventListener("click", () => explain(true, each.class));
          name.append(button);
        }
        row.append(name, make("span", "", percent(each.probability)), track);
        return row;
      }),
    );
    requestAnimationFrame(() => {
      for (const [bar, share] of tracks) bar.style.width = `${100 * share}%`;
    });
    note(seconds);
  };

  const note = (seconds) => {
    const { naturalWidth: width, naturalHeight: height } = at("picture");
    const size = width ? `${width} × ${height} pixels, ` : "";
    at("note").textContent = `${size}${Math.max(1, Math.round(1000 * seconds))} ms there and back`;
  };

  // Where the picture speaks for a class.

  let mapping = false; // whether maps are shown
  let mapped = null; // of which class; null: the likeliest
  let drawn = null; // {picture, model, class, values, box}: the map on the canvas

  const INFERNO = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
  const CELL = 24; // pixels of the canvas for a cell of the grid

  const colour = (value) => {
    const place = value * (INFERNO.length - 1);
    const index = Math.min(Math.floor(place), INFERNO.length - 2);
    const part = place - index;
    return INFERNO[index].map((low, channel) => low + part * (INFERNO[index + 1][channel] - low));
  };

  const paint = (values) => {
    const [rows, columns] = [values.length, values[0].length];
    const most = Math.max(...values.flat(), 0) || 1;
    const canvas = at("map");
    canvas.width = CELL * columns;
    canvas.height = CELL * rows;
    const image = new ImageData(canvas.width, canvas.height);
    const cell = (row, column) =>
      Math.max(values[Math.min(Math.max(row, 0), rows - 1)][Math.min(Math.max(column, 0), columns - 1)] / most, 0);
    for (let y = 0; y < canvas.height; y += 1) {
      for (let x = 0; x < canvas.width; x += 1) {
        const [row, column] = [(y + 0.5) / CELL - 0.5, (x + 0.5) / CELL - 0.5];
        const [top, left] = [Math.floor(row), Math.floor(column)];
        const [down, right] = [row - top, column - left];
        const upper = cell(top, left) * (1 - right) + cell(top, left + 1) * right;
        const lower = cell(top + 1, left) * (1 - right) + cell(top + 1, left + 1) * right;
        const value = upper * (1 - down) + lower * down;
        image.data.set([...colour(value), 255 * 0.65 * Math.sqrt(value)], 4 * (y * canvas.width + x));
      }
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  };

  // The canvas lies over what the network sees of the picture, which may be less than is shown.
  const place = () => {
    const shown = mapping && drawn && drawn.picture === current && drawn.model === model && !at("picture").hidden;
    at("map").hidden = !shown;
    at("where").hidden = !shown;
    at("shown").classList.toggle("mapped", Boolean(shown));
    if (!shown) return;
    at("where").textContent = `Bright: where the picture speaks for ${drawn.class}`;
    const { naturalWidth, naturalHeight, offsetLeft, offsetTop, offsetWidth, offsetHeight } = at("picture");
    const scale = Math.min(offsetWidth / naturalWidth, offsetHeight / naturalHeight) || 0;
    const [width, height] = [scale * naturalWidth, scale * naturalHeight];
    const [x, y] = [offsetLeft + (offsetWidth - width) / 2, offsetTop + (offsetHeight - height) / 2];
    const [left, top, right, bottom] = drawn.box;
    const style = at("map").style;
    style.left = `${x + left * width}px`;
    style.top = `${y + top * height}px`;
    style.width = `${(right - left) * width}px`;
    style.height = `${(bottom - top) * height}px`;
  };
  addEventListener("resize", place);

  const explain = async (wanted, name = null) => {
    mapping = wanted;
    mapped = name;
    at("why").setAttribute("aria-pressed", String(mapping));
    show();
    if (!mapping || !current || !model.maps) return;
    const [picture, asked] = [current, model];
    const answer = await ask(picture, asked, { heatmap: name ?? "likeliest" }).catch(() => ({}));
    if (!answer.heatmap || picture !== current || asked !== model || name !== mapped) return;
    drawn = { picture, model: asked, ...answer.heatmap };
    paint(drawn.values);
    place();
  };
  at("why").addEventListener("click", () => explain(!mapping));

  at("picture").addEventListener("error", () => {
    at("picture").hidden = true;
    at("blank").hidden = false;
  });
  at("picture").addEventListener("load", () => {
    at("picture").classList.toggle("pixels", Math.max(at("picture").naturalWidth, at("picture").naturalHeight) <= 96);
    const answer = current?.answers[model.name];
    if (answer?.classes || answer?.values) drawAny(answer);
    place();
  });

  // The pictures so far.

  const said = ({ classes, values }) => (values ? measured(values[0]) : classes[0].class);

  const label = (picture) => {
    const answer = picture.answers[model.name];
    const caption = picture.thumb.querySelector(".caption");
    caption.classList.toggle("bad", Boolean(answer?.error));
    caption.textContent = !answer ? "…" : answer.error ? "cannot be read" : said(answer);
    picture.thumb.setAttribute("aria-label", `${picture.name}: ${caption.textContent}`);
    picture.thumb.title = picture.name;
  };

  const choose = (picture) => {
    current = picture;
    want(picture, true);
    explain(mapping);
    const { offsetLeft: left, offsetWidth: width } = picture.thumb;
    const strip = at("thumbs");
    if (left < strip.scrollLeft || left + width > strip.scrollLeft + strip.clientWidth) {
      strip.scrollTo({ left: left - (strip.clientWidth - width) / 2 }); // the strip alone, never the page
    }
  };

  const framed = (source, text) => {
    const thumb = make("button", "thumb");
    thumb.type = "button";
    const frame = make("span", "frame");
    const image = make("img");
    image.alt = "";
    image.src = source;
    image.addEventListener("error", () => image.replaceWith("no preview"));
    frame.append(image);
    thumb.append(frame, make("span", "caption", text));
    return thumb;
  };

  const add = (blob, name) => {
    const picture = { name, blob, url: URL.createObjectURL(blob), answers: {} };
    picture.thumb = framed(picture.url, "…");
    picture.thumb.addEventListener("click", () => choose(picture));
    pictures.push(picture);
    at("thumbs").append(picture.thumb);
    at("yours").hidden = false;
    want(picture, false);
    label(picture);
    return picture;
  };

  const take = (files) => {
    const added = [...files].slice(0, MOST).map((file) => add(file, file.name || "pasted picture"));
    if (added.length) choose(added[0]);
  };

  const step = (by) => {
    if (!pictures.length) return;
    const place = current ? pictures.indexOf(current) + by : 0;
    choose(pictures[Math.min(Math.max(place, 0), pictures.length - 1)]);
  };

  // The ways in: files, drop, paste, camera, examples.

  for (const id of ["file", "photograph"]) {
    at(id).addEventListener("change", (event) => {
      take(event.target.files);
      event.target.value = "";
    });
  }
  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    at("veil").hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) at("veil").hidden = true;
  });
  addEventListener("drop", (event) => {
    at("veil").hidden = true;
    if (!holdsFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => take(event.clipboardData?.files ?? []));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || at("studio").open) return;
    if (event.target instanceof HTMLSelectElement) return;
    if (event.key === "o" || event.key === "O") at("file").click();
    else if (event.key === "ArrowRight") step(1);
    else if (event.key === "ArrowLeft") step(-1);
  });

  const offer = () => {
    at("examples").hidden = !model.examples.length;
    at("samples").replaceChildren(
      ...model.examples.map((name, number) => {
        const address = `/examples/${encodeURIComponent(model.name)}/${number}`;
        const thumb = framed(address, name);
        thumb.title = name;
        thumb.setAttribute("aria-label", `Example: ${name}`);
        thumb.addEventListener("click", async () => {
          const blob = await (await fetch(address)).blob();
          const known = pictures.find((each) => each.name === name && each.blob.size === blob.size);
          choose(known ?? add(blob, name));
        });
        return thumb;
      }),
    );
  };

  let stream = null;
  const closeStudio = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    at("video").srcObject = null;
    at("studio").close();
  };
  const touch = matchMedia("(pointer: coarse)").matches || (navigator.maxTouchPoints > 0 && innerWidth < 832);
  document.documentElement.classList.toggle("touch", touch);
  at("camera").hidden = touch || !navigator.mediaDevices?.getUserMedia;
  at("camera").addEventListener("click", async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
    } catch {
      at("camera").textContent = "No camera can be used";
      at("camera").disabled = true;
      return;
    }
    at("shoot").disabled = true; // until there is a picture to take: a slow camera shows none at first
    at("video").srcObject = stream;
    at("studio").showModal();
    await at("video").play().catch(() => {}); // closed before it began
  });
  at("video").addEventListener("loadeddata", () => { at("shoot").disabled = false; });
  at("shoot").addEventListener("click", () => {
    const canvas = make("canvas");
    canvas.width = at("video").videoWidth;
    canvas.height = at("video").videoHeight;
    canvas.getContext("2d").drawImage(at("video"), 0, 0);
    closeStudio();
    canvas.toBlob((blob) => blob && choose(add(blob, "photograph.jpg")), "image/jpeg", 0.95);
  });
  at("cancel").addEventListener("click", closeStudio);
  at("studio").addEventListener("cancel", closeStudio);

  // The model.

  const turnTo = (wanted) => {
    model = wanted;
    const targets = model.targets?.map((each) => each.name).join(", ");
    const classes = model.classes === 1 ? "1 class" : `${model.classes?.toLocaleString("en")} classes`;
    at("title").textContent = targets ?? "What is in the picture?";
    at("awaited").textContent = targets ? "Its numbers" : "The likeliest classes";
    at("about").textContent = `${model.name} · ${targets ?? classes} · ${model.input[1]} × ${model.input[2]} pixels · ${model.engine}`;
    document.title = model.name;
    offer();
    for (const picture of pictures) {
      want(picture, picture === current);
      label(picture);
    }
    explain(mapping);
  };
  at("model").append(...models.map((each) => new Option(each.name, each.name)));
  at("choose").hidden = models.length < 2;
  at("model").addEventListener("change", () => turnTo(models[at("model").selectedIndex]));
  turnTo(model);
})();
