"use strict";
const $ = (id) => document.getElementById(id);
const SHOWN = 5; // classes, before all are asked for
const TRIES = 8; // while the server is busy
let model = {};
let queue = Promise.resolve(); // one picture after the other

const percent = (p) => `${(100 * p).toFixed(1)} %`;
const wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

function tell(text, failed = false) {
  $("status").textContent = text;
  $("status").classList.toggle("failed", failed);
}

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

async function ask(file) {
  for (let tries = 1; ; tries++) {
    const body = new FormData();
    body.append("images", file, file.name || "picture");
    const response = await fetch("predict", { method: "POST", body });
    const retry = Number(response.headers.get("retry-after"));
    if (response.status === 503 && retry && tries < TRIES) {
      await wait(retry);
      continue;
    }
    const none = { error: `The server answered ${response.status}.` }; // as a proxy may, without JSON
    const document = await response.json().catch(() => none);
    if (!document.images) throw new Error(document.error);
    return document.images[0];
  }
}

function bars(table, probabilities, shown) {
  const sorted = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  const rows = sorted.slice(0, shown).map(([name, p]) => {
    const row = element("tr");
    const head = element("th", name);
    head.scope = "row";
    head.title = name;
    const cell = element("td", "", "wide");
    const bar = cell.appendChild(element("span", "", "bar"));
    bar.appendChild(element("i")).style.width = `${100 * p}%`;
    row.append(head, cell, element("td", percent(p), "n"));
    return row;
  });
  table.tBodies[0].replaceChildren(...rows);
  return sorted.length;
}

function preview(image, file) {
  const url = URL.createObjectURL(file);
  image.addEventListener("load", () => {
    image.classList.toggle("small", image.naturalWidth < 100);
    image.hidden = false;
    URL.revokeObjectURL(url);
  });
  image.addEventListener("error", () => URL.revokeObjectURL(url)); // as of HEIC
  image.src = url;
}

function show(file, said) {
  const item = $("result").content.firstElementChild.cloneNode(true);
  const find = (selector) => item.querySelector(selector);
  preview(find("img"), file);
  find(".file").textContent = file.name;
  if (said.skipped) {
    item.classList.add("skipped");
    find(".class").textContent = "not read";
    find(".why").textContent = said.skipped;
    find(".more").remove();
  } else {
    name(find, item, said);
    const table = find(".bars");
    const all = find(".all");
    if (said.probabilities) {
      const n = bars(table, said.probabilities, SHOWN);
      all.hidden = n <= SHOWN;
      all.textContent = `Show all ${n} classes`;
      all.addEventListener("click", () => {
        bars(table, said.probabilities, n);
        all.hidden = true;
      });
    } else table.remove();
    if (said.similar && said.similar.length) {
      for (const near of said.similar) {
        const row = find(".near").tBodies[0].appendChild(element("tr"));
        row.append(element("td", near.id), element("td", near.class));
        row.append(element("td", near.distance.toFixed(2), "n"));
      }
    } else find(".near").remove();
  }
  $("results").prepend(item);
}

function name(find, item, said) {
  const unknown = model.has_unknown && said.class === "unknown";
  const clear = said.probability === undefined ? `score ${said.score.toPrecision(3)}` : percent(said.probability);
  find(".class").textContent = said.class;
  item.classList.toggle("unknown", unknown);
  if (!unknown) find(".class").append(" ", element("b", clear));
  const why = unknown ? [`It would be ${said.guess}, ${clear}.`] : [];
  if (said.likeness !== undefined) why.push(`Of the training images ${percent(said.likeness)} are as unlike the others.`);
  find(".why").textContent = why.join(" ");
}

function take(files) {
  for (const file of files) {
    queue = queue.then(async () => {
      tell(`Looking at ${file.name || "the picture"} …`);
      try {
        const said = await ask(file);
        show(file, said);
        tell(said.skipped ? `${file.name} cannot be read.` : `${file.name || "The picture"}: ${said.class}`, Boolean(said.skipped));
      } catch (error) {
        tell(error instanceof TypeError ? "The server does not answer." : error.message, true);
      }
    });
  }
}

const drop = $("drop");
$("camera").hidden = !navigator.maxTouchPoints; // where there is none, it would choose a file
for (const id of ["choose", "photograph"]) {
  $(id).addEventListener("change", (event) => {
    take([...event.target.files]);
    event.target.value = ""; // the same picture may be chosen again
  });
}
addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
  else tell("That is no file. Save the picture and drop it, or copy and paste it.", true);
});
addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) take(files);
  else tell("There is no picture in the clipboard.", true);
});
drop.addEventListener("submit", (event) => event.preventDefault());

fetch("model").then(async (response) => {
  model = await response.json();
  document.title = `${model.name} · featx`;
  $("version").textContent = `featx ${model.featx} · ${model.name}`;
  const names = model.classes.slice(0, 12).join(", ");
  const more = model.classes.length > 12 ? " …" : "";
  $("about").textContent = `${model.classes.length} classes: ${names}${more}`;
}).catch(() => tell("The server does not answer.", true));
