"use strict";
// What the page does beyond being read: figures enlarge, tables sort. Without it, all is there.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // ---- figures: a dialog with the same picture; arrow keys go through them, Escape closes it ----
  const zoom = document.getElementById("zoom");
  const caption = zoom.querySelector("p");
  const picture = zoom.insertBefore(new Image(), caption);
  const buttons = all("button.enlarge");
  let shown = 0;
  const show = (number) => {
    shown = (number + buttons.length) % buttons.length;
    const image = buttons[shown].querySelector("img");
    picture.src = image.src;
    picture.alt = caption.textContent = image.alt;
    picture.width = image.width;
    zoom.scrollTo(0, 0);
    if (!zoom.open) zoom.showModal();
  };
  buttons.forEach((button, number) => button.addEventListener("click", () => show(number)));
  const actions = {
    previous: () => show(shown - 1),
    next: () => show(shown + 1),
    size: (button) => button.setAttribute("aria-pressed", zoom.classList.toggle("full")),
    close: () => zoom.close(),
  };
  all("button", zoom).forEach((button) => {
    button.addEventListener("click", () => actions[button.value](button));
  });
  zoom.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(shown - 1);
    if (event.key === "ArrowRight") show(shown + 1);
  });
  zoom.addEventListener("close", () => buttons[shown].focus());
  zoom.addEventListener("click", (event) => event.target === zoom && zoom.close());

  // ---- tables: a click sorts upwards, the next downwards, the third as it was ----
  const number = (text) => {
    const plain = text.replace(/[,\s]/g, "").replace("\u2212", "-");
    return plain === "\u2013" ? -Infinity : parseFloat(plain);
  };
  const compare = (column) => (a, b) => {
    const [left, right] = [a, b].map((row) => row.cells[column].textContent);
    const [x, y] = [number(left), number(right)];
    if (Number.isNaN(x) || Number.isNaN(y)) {
      return left.localeCompare(right, "en", { numeric: true });
    }
    return x === y ? 0 : x - y;
  };
  const sort = (table, rows, heads, column) => {
    const next = { none: "ascending", ascending: "descending", descending: "none" };
    const order = next[heads[column].getAttribute("aria-sort") || "none"];
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    const sorted = order === "none" ? rows : [...rows].sort(compare(column));
    if (order !== "none") heads[column].setAttribute("aria-sort", order);
    table.tBodies[0].append(...(order === "descending" ? sorted.reverse() : sorted));
  };
  all("table").forEach((table) => {
    const rows = [...table.tBodies[0].rows];
    const heads = all("thead th", table);
    if (rows.length < 2) return;
    heads.forEach((head, column) => {
      if (!head.textContent) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, rows, heads, column));
      head.append(button);
    });
  });

  // ---- tables wider than the screen: the keyboard scrolls them too ----
  const watch = new ResizeObserver((entries) => entries.forEach(({ target }) => {
    target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
  }));
  all(".wide").forEach((wide) => watch.observe(wide));
})();
