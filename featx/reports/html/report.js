"use strict";
const page = JSON.parse(document.getElementById("page-data").textContent);
const tileOf = new Map(page.tiles.map((row, i) => [row, i]));

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function picture(i, label) {
  const node = make("i", { className: `tile s${Math.floor(i / page.per_sheet)}`, role: "img", "aria-label": label });
  node.style.setProperty("--x", (i % page.per_sheet) % page.columns);
  node.style.setProperty("--y", Math.floor((i % page.per_sheet) / page.columns));
  return node;
}

// Colors: as the system has them, light, dark.
const themes = ["auto", "light", "dark"];
const theme = document.getElementById("theme");
let chosen = 0;
theme.addEventListener("click", () => {
  chosen = (chosen + 1) % themes.length;
  const name = themes[chosen];
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  theme.lastElementChild.textContent = name;
  theme.setAttribute("aria-label", name === "auto" ? "Colors: as the system has them" : `Colors: ${name}`);
});

// Tables that sort: numbers fall first, words rise first; equal rows keep their order.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const cell = (row) => row.cells[column];
      const rows = [...table.tBodies[0].rows];
      const numbers = rows.some((row) => cell(row).dataset.v !== undefined);
      const was = head.getAttribute("aria-sort");
      const order = was === "none" ? (numbers ? "descending" : "ascending") : was === "ascending" ? "descending" : "ascending";
      for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      rows.sort((a, b) => sign * (numbers
        ? Number(cell(a).dataset.v) - Number(cell(b).dataset.v)
        : cell(a).textContent.localeCompare(cell(b).textContent)));
      table.tBodies[0].append(...rows);
    });
  });
}

// Confusion matrices, drawn when their row is opened.
function showCell(details, t, p) {
  const row = page.rows[Number(details.dataset.row)];
  const [, , , shown, certainty, count] = row.cells.find((c) => c[0] === t && c[1] === p) ?? [t, p, 0, [], [], 0];
  const [truth, predicted] = [page.classes[t], page.classes[p]];
  const which = `${t === p ? "least" : "most"} ${page.n_seeds > 1 ? "often predicted" : "confident"}`;
  const summary = !shown.length ? `${count.toLocaleString("en")}, none of them on this page` : !certainty.length ? `the first ${shown.length} of ${count.toLocaleString("en")}` : shown.length < count ? `the ${shown.length} ${which} of ${count.toLocaleString("en")}` : `${count.toLocaleString("en")}, ${which} first`;
  const list = make("ul", { className: "album" });
  shown.forEach((testRow, k) => {
    const i = tileOf.get(testRow);
    const item = make("li", { title: page.ids[i] }, picture(i, page.ids[i]), make("span", { textContent: page.ids[i].split("/").pop() }));
    if (certainty.length) item.append(make("span", { className: "faint", textContent: page.n_seeds > 1 ? `${certainty[k]} of ${page.n_seeds} seeds` : `${row.kind} ${certainty[k]}` }));
    item.dataset.test = testRow;
    list.append(item);
  });
  const title = t === p ? `${truth}, predicted correctly` : `${truth}, taken for ${predicted}`;
  details.querySelector(".gallery").replaceChildren(make("h4", { textContent: `${title}: ${summary}` }), list);
  for (const cell of details.querySelectorAll("td[aria-selected=true]")) cell.setAttribute("aria-selected", "false");
  details.querySelector(`td[data-t="${t}"][data-p="${p}"]`)?.setAttribute("aria-selected", "true");
}

function drawMatrix(details) {
  const place = details.querySelector(".grid");
  if (place.childNodes.length) return;
  const row = page.rows[Number(details.dataset.row)];
  const n = page.classes.length;
  if (n > 150) {
    place.textContent = `${n} classes are too many for a matrix. The most confused pairs are listed instead.`;
    return;
  }
  const counts = Array.from({ length: n }, () => new Array(n).fill(0));
  for (const [t, p, count] of row.cells) counts[t][p] = count;
  const size = n > 40 ? "tiny" : n > 14 ? "small" : "";
  const turned = size || page.classes.some((name) => name.length > 3) ? "turned" : "";
  const table = make("table", { className: `cm ${size} ${turned}`, role: "grid", "aria-label": `Confusion matrix of ${row.name}` });
  table.style.setProperty("--cell", n > 40 ? "0.6rem" : n > 14 ? "1.5rem" : "2.5rem");
  const head = table.createTHead().insertRow();
  head.append(make("th", { className: "corner", textContent: "true ↓ predicted →" }));
  for (const name of page.classes) head.append(make("th", { scope: "col", textContent: name, title: name }));
  const body = table.createTBody();
  counts.forEach((line, t) => {
    const all = line.reduce((a, b) => a + b, 0);
    const tr = body.insertRow();
    tr.append(make("th", { scope: "row", textContent: page.classes[t], title: page.classes[t] }));
    line.forEach((count, p) => {
      const td = tr.insertCell();
      td.tabIndex = -1;
      td.setAttribute("role", "gridcell");
      td.dataset.t = t;
      td.dataset.p = p;
      if (t === p) td.classList.add("d");
      if (count) {
        const share = count / all;
        td.dataset.n = count;
        td.style.setProperty("--p", (t === p ? 0.1 + 0.6 * share : 0.12 + 0.88 * Math.min(1, 2.5 * share)).toFixed(3));
        td.textContent = count;
      } else td.classList.add("none");
      td.title = `true ${page.classes[t]}, predicted ${page.classes[p]}: ${count}`;
      td.setAttribute("aria-label", td.title);
    });
  });
  const cells = [...body.rows].map((tr) => [...tr.cells].slice(1));
  let stop = cells[0][0];
  stop.tabIndex = 0;
  function move(t, p) {
    const goal = cells[Math.max(0, Math.min(n - 1, t))][Math.max(0, Math.min(n - 1, p))];
    stop.tabIndex = -1;
    goal.tabIndex = 0;
    stop = goal;
    goal.focus();
  }
  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    if (!cell) return;
    const [t, p] = [Number(cell.dataset.t), Number(cell.dataset.p)];
    const to = { ArrowUp: [t - 1, p], ArrowDown: [t + 1, p], ArrowLeft: [t, p - 1], ArrowRight: [t, p + 1], Home: [t, 0], End: [t, n - 1], PageUp: [0, p], PageDown: [n - 1, p] }[event.key];
    if (to) move(...to);
    else if ((event.key === "Enter" || event.key === " ") && cell.dataset.n) showCell(details, t, p);
    else return;
    event.preventDefault();
  });
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("td[data-n]");
    if (!cell) return;
    move(Number(cell.dataset.t), Number(cell.dataset.p));
    showCell(details, Number(cell.dataset.t), Number(cell.dataset.p));
  });
  place.append(table);
}

for (const details of document.querySelectorAll("details.row")) {
  if (details.open) drawMatrix(details);
  details.addEventListener("toggle", () => details.open && drawMatrix(details));
  for (const button of details.querySelectorAll("[data-cell]")) {
    button.addEventListener("click", () => showCell(details, ...button.dataset.cell.split(",").map(Number)));
  }
}

// A link to a row opens it.
function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (target && target.matches("details")) target.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();

// The map.
const map = document.getElementById("points");
if (map) {
  const hover = document.getElementById("hover");
  const status = document.getElementById("map-status");
  const points = [...map.querySelectorAll(":scope > use")];
  const ordered = [...points].sort((a, b) => a.x.baseVal.value - b.x.baseVal.value);
  let at = null;
  function text(point) {
    const tile = Number(point.dataset.t);
    return page.classes[point.dataset.l] + (tile >= 0 ? `, ${page.ids[tile]}` : "");
  }
  function show(point) {
    at?.classList.remove("at");
    at = point;
    hover.hidden = !point;
    if (!point) return;
    point.classList.add("at");
    const tile = Number(point.dataset.t);
    hover.replaceChildren(...(tile >= 0 ? [picture(tile, text(point))] : []), make("span", { textContent: page.classes[point.dataset.l] }));
    hover.style.left = `${(100 * point.x.baseVal.value) / 700}%`;
    hover.style.top = `${(100 * point.y.baseVal.value) / 480}%`;
  }
  map.addEventListener("pointerover", (event) => event.target.matches("use") && show(event.target));
  map.addEventListener("pointerleave", () => show(null));
  map.addEventListener("blur", () => show(null));
  map.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 20, ArrowUp: -20 }[event.key];
    if (!step) return;
    event.preventDefault();
    const reachable = map.classList.contains("one") ? ordered.filter((p) => p.classList.contains("on")) : ordered;
    if (!reachable.length) return;
    const i = reachable.indexOf(at);
    show(reachable[i < 0 ? 0 : Math.max(0, Math.min(reachable.length - 1, i + step))]);
    status.textContent = text(at);
  });
  document.getElementById("map-class").addEventListener("change", (event) => {
    const label = event.target.value;
    map.classList.toggle("one", label !== "-1");
    for (const point of points) point.classList.toggle("on", point.dataset.l === label);
    map.append(...points.filter((point) => point.dataset.l === label));
  });
}
