"use strict";

const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const content = (id) => JSON.parse(byId(id).textContent);
const pictures = content("pictures-data");
const tasks = content("viewer-data");

// Pictures: each is kept once, and an <img> names it. Those of a closed run wait until the run is opened.
const show = (image) => {
  image.src = pictures[image.dataset.picture];
};
all("img[data-picture]").filter((image) => !image.closest("details")).forEach(show);
all("details").forEach((details) =>
  details.addEventListener("toggle", () => all("img[data-picture]:not([src])", details).forEach(show)));

// A link to a run, or to a line in what is closed, opens it, also where a filter hides it.
function target() {
  try {
    return byId(decodeURIComponent(location.hash.slice(1)));
  } catch { // an address that was typed, with a % that begins no character
    return null;
  }
}

function openTarget() {
  const place = target();
  const closed = place?.closest("details");
  if (!closed) return;
  closed.hidden = false;
  closed.open = true;
  (place === closed ? closed.querySelector("summary") : place).focus({ preventScroll: true });
  place.scrollIntoView();
}
window.addEventListener("hashchange", openTarget);
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#']");
  if (link && link.getAttribute("href") === location.hash) setTimeout(openTarget);
});

// Filters: boxes of tasks and methods. What has neither, as the untranslated inputs have no method, stays. What is of
// several tasks stays with any of them, and a table with any cell.
const status = byId("status");
const boxes = (name) => all(`input[name=${name}]`);
const chosen = (name) => new Set(boxes(name).filter((box) => box.checked).map((box) => box.value));
const known = (name) => new Set(boxes(name).map((box) => box.value));

const filtered = () => ({ task: [chosen("task"), known("task")], method: [chosen("method"), known("method")] });

function hideWithin(part, sets = filtered()) {
  const hides = (name, values) => Boolean(values) && values.split(" ").every(
    (value) => sets[name][1].has(value) && !sets[name][0].has(value));
  all("[data-task], [data-method]", part).forEach((one) => {
    one.hidden = hides("task", one.dataset.task) || hides("method", one.dataset.method);
  });
}

function filter() {
  const sets = filtered();
  hideWithin(document, sets);
  all(".table").forEach((table) => {
    const cells = all(".sortable td[data-task]", table);
    table.hidden = cells.length > 0 && cells.every((cell) => cell.hidden || cell.parentElement.hidden);
  });
  const counts = Object.entries(sets).map(([name, [some, every]]) => `${some.size} of ${every.size} ${name}s`);
  status.textContent = `Shown: ${counts.join(", ")}.`;
}
all("[data-filter] button").forEach((button) =>
  button.addEventListener("click", () => {
    boxes(button.parentElement.dataset.filter).forEach((box) => { box.checked = button.dataset.set === "all"; });
    filter();
  }));
const form = document.querySelector(".filters");
form.addEventListener("change", (event) => {
  if (event.target.name === "view") showView(event.target.value);
  else filter();
});
all("form").forEach((one) => one.addEventListener("submit", (event) => event.preventDefault()));

// Sorting: the better first, the worse first, as written. Rows without a number are last, then the inputs.
const OPPOSITE = { ascending: "descending", descending: "ascending" };

function sortBy(header, table) {
  const first = header.dataset.better === "lower" ? "ascending" : "descending";
  const next = { none: first, [first]: OPPOSITE[first], [OPPOSITE[first]]: "none" }[header.getAttribute("aria-sort") ?? "none"];
  all("th[aria-sort]", table).forEach((one) => one.removeAttribute("aria-sort"));
  if (next !== "none") header.setAttribute("aria-sort", next);
  placeRows(header, table, next);
  const name = header.querySelector("button").getAttribute("aria-label");
  status.textContent = next === "none" ? "In the paper's order." : `${name[0].toUpperCase()}${name.slice(1)}, ${next}.`;
}

function placeRows(header, table, next) {
  const key = document.body.dataset.view === "deltas" ? "delta" : "order";
  const sign = next === "descending" ? -1 : 1;
  const place = (row) => {
    const text = row.cells[header.cellIndex].dataset[key];
    return [row.dataset.method === "" ? 1 : 0, next === "none" || text !== undefined ? 0 : 1,
      next === "none" ? Number(row.dataset.place) : sign * Number(text ?? 0), Number(row.dataset.place)];
  };
  const rows = all("tbody tr", table).map((row) => [place(row), row]);
  rows.sort(([a], [b]) => a.map((part, number) => part - b[number]).find((part) => part !== 0) ?? 0);
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function showView(view) {
  document.body.dataset.view = view;
  all("th[aria-sort]").forEach((header) => placeRows(header, header.closest("table"), header.getAttribute("aria-sort")));
}
all("table.sortable").forEach((table) => {
  all("tbody tr", table).forEach((row, number) => { row.dataset.place = number; });
  all("th[data-better]", table).forEach((header) =>
    header.querySelector("button").addEventListener("click", () => sortBy(header, table)));
});

// Images: one test image of a task, in two columns with a line to move between them, and in all.
const [taskChoice, left, right, slider] = ["viewer-task", "left", "right", "image"].map(byId);

function place(image, column, number, task) {
  image.src = pictures[column.pictures[number]];
  image.alt = `${task.images[number]}, ${column.label}`;
  image.onload = () => image.classList.toggle("pixels", image.naturalWidth < 128);
}

function drawColumn(column, number, task) {
  const figure = document.createElement("figure");
  const image = document.createElement("img");
  const caption = document.createElement("figcaption");
  const name = document.createElement(column.anchor ? "a" : "span");
  if (column.anchor) name.href = column.anchor;
  name.textContent = column.label;
  place(image, column, number, task);
  caption.append(name);
  figure.append(image, caption);
  if (column.method) figure.dataset.method = column.method;
  return figure;
}

function drawImage() {
  const task = tasks[taskChoice.value];
  const number = Number(slider.value);
  byId("image-name").textContent = `${task.images[number]} (${number + 1} of ${task.images.length})`;
  slider.setAttribute("aria-valuetext", task.images[number]);
  const [one, other] = [task.columns[left.value], task.columns[right.value]];
  [["left-image", one], ["right-image", other], ["under", other], ["over", one]].forEach(([id, column]) =>
    place(byId(id), column, number, task));
  byId("left-name").textContent = one.label;
  byId("right-name").textContent = other.label;
  byId("all-methods").replaceChildren(...task.columns.map((column) => drawColumn(column, number, task)));
  hideWithin(byId("all-methods"));
}

function chooseTask() {
  const task = tasks[taskChoice.value];
  slider.max = task.images.length - 1;
  slider.value = 0;
  const options = () => task.columns.map((column, number) => new Option(column.label, number));
  left.replaceChildren(...options());
  right.replaceChildren(...options());
  left.value = 0;
  right.value = Math.max(task.columns.findIndex((column) => column.method === "enco"), 0) || task.columns.length - 1;
  drawImage();
}

if (tasks.length > 0) {
  taskChoice.addEventListener("change", chooseTask);
  [left, right].forEach((choice) => choice.addEventListener("change", drawImage));
  slider.addEventListener("input", drawImage);
  byId("cut").addEventListener("input", (event) =>
    document.querySelector(".wipe").style.setProperty("--cut", `${event.target.value}%`));
  chooseTask();
}
filter();
openTarget();
