// Comfort only: every page is complete without it. Sorts tables, filters lists, opens all evidence, opens what a link or a
// printer wants to see, shows what the mark of a figure under the pointer stands for.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  const key = (row, at) => {
    const cell = row.cells[at];
    const told = cell?.dataset.sort;
    return told === undefined ? (cell?.textContent ?? "").trim() : Number(told);
  };
  const order = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
  for (const table of all("table[data-sortable]")) {
    all("thead th", table).forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const falling = head.getAttribute("aria-sort") !== "descending" && (head.classList.contains("n") || head.hasAttribute("aria-sort"));
        all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [key(row, at), row]);
        rows.sort((a, b) => (falling ? order(b[0], a[0]) : order(a[0], b[0])));
        body.append(...rows.map((pair) => pair[1]));
      });
    });
  }

  for (const box of all("input[data-filter]")) {
    const items = all(box.dataset.filter);
    const said = document.getElementById(box.getAttribute("aria-describedby"));
    box.closest("[hidden]")?.removeAttribute("hidden");
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const item of items) {
        const text = (item.dataset.words ?? item.textContent).toLowerCase();
        item.hidden = !words.every((word) => text.includes(word));
        shown += item.hidden ? 0 : 1;
      }
      if (said) said.textContent = `${shown} of ${items.length} shown`;
    });
  }

  for (const button of all("button[data-open]")) {
    button.removeAttribute("hidden");
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(open));
      for (const item of all(button.dataset.open)) item.open = open;
    });
  }

  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details[data-print]:not([open])");
    for (const item of opened) item.open = true;
  });
  addEventListener("afterprint", () => {
    for (const item of opened) item.open = false;
  });

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  for (const drawing of all(".drawing")) {
    tip.isConnected || document.body.append(tip);
    drawing.addEventListener("pointermove", (event) => {
      const mark = event.target.closest('[role="graphics-symbol"][aria-label]');
      tip.hidden = !mark;
      if (!mark) return;
      tip.textContent = mark.getAttribute("aria-label").split("; ").join("\n");
      const right = event.pageX + 14 + tip.offsetWidth > scrollX + document.documentElement.clientWidth;
      tip.style.left = `${event.pageX + (right ? -14 - tip.offsetWidth : 14)}px`;
      tip.style.top = `${event.pageY + 14}px`;
    });
    drawing.addEventListener("pointerleave", () => (tip.hidden = true));
  }
})();
