// How a pane is moved: wheel, pointer, fingers, and the map at its side.

const FAR = 24; // pixels that a press may move and still be a click

function listen(pane) {
  const { element } = pane;
  new ResizeObserver(() => {
    pane.measured = null;
    if (pane.layout) pane.move();
  }).observe(element);
  const pointers = new Map();
  let travelled = 0;
  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = element.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) {
      pane.zoom(Math.exp(-event.deltaY * 0.004), [event.clientX - box.left, event.clientY - box.top]);
      return;
    }
    const unit = event.deltaMode ? 18 : 1;
    pane.x -= (event.shiftKey ? event.deltaY : event.deltaX) * unit;
    pane.y -= (event.shiftKey ? 0 : event.deltaY) * unit;
    pane.move();
    pane.lead();
  }, { passive: false });
  element.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".tools, .map, .notice button") || event.button) return;
    if (!pointers.size) travelled = 0;
    pointers.set(event.pointerId, event);
  });
  element.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
    travelled += Math.hypot(dx, dy);
    if (travelled > 4 && !element.hasPointerCapture(event.pointerId)) element.setPointerCapture(event.pointerId);
    drag(pane, pointers, event, dx / pointers.size, dy / pointers.size);
    pointers.set(event.pointerId, event);
  });
  const end = (event) => pointers.delete(event.pointerId);
  element.addEventListener("pointerup", end);
  element.addEventListener("pointercancel", end);
  element.addEventListener("lostpointercapture", end);
  element.addEventListener("click", (event) => {
    const node = event.target.closest(".node");
    if (node && travelled < FAR) pane.app.press(pane.network.items[node.dataset.item]);
  });
  element.addEventListener("pointerover", (event) => {
    const node = event.target.closest(".node");
    if (event.pointerType === "mouse") pane.app.glance(node ? pane.network.items[node.dataset.item] : null);
  });
  element.addEventListener("pointerleave", () => pane.app.glance(null));
  const jump = (event) => {
    const y = (event.clientY - pane.map.getBoundingClientRect().top) / pane.mapScale;
    pane.y = pane.size().height / 2 - y * pane.scale;
    pane.move();
    pane.lead();
  };
  pane.map.addEventListener("pointerdown", (event) => {
    pane.map.setPointerCapture(event.pointerId);
    jump(event);
  });
  pane.map.addEventListener("pointermove", (event) => event.buttons && jump(event));
}

function drag(pane, pointers, event, dx, dy) {
  if (pointers.size === 2) {
    const own = pointers.get(event.pointerId);
    const other = [...pointers.values()].find((each) => each !== own);
    const box = pane.element.getBoundingClientRect();
    const before = Math.hypot(own.clientX - other.clientX, own.clientY - other.clientY);
    const after = Math.hypot(event.clientX - other.clientX, event.clientY - other.clientY);
    const centre = [(event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top];
    if (before) pane.zoom(after / before, centre);
  }
  pane.x += dx;
  pane.y += dy;
  pane.move();
  pane.lead();
}
