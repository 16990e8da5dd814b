// The fault panel: reads /api/state once a second, and rewrites a line only where it changed.

const $ = (id) => document.getElementById(id);
let words = {};

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `icons.svg#${name}`);
  svg.append(use);
  return svg;
}

const mark = (fault) => fault
  ? el("span", { class: "st bad" }, icon("s-bad"), words[`fault-${fault}`])
  : el("span", { class: "st ok" }, icon("s-ok"), words.normal);

async function wish(name, fault) {
  const answer = await fetch("api/wish", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, fault }),
  });
  if (answer.ok) show(await answer.json());
}

function choice(device, faults) {
  const select = el("select", { class: "in", "aria-label": device.name, "data-name": device.name });
  for (const fault of ["", ...faults]) {
    select.append(el("option", { value: fault }, fault ? words[`fault-${fault}`] : words.normal));
  }
  select.value = device.fault;
  return select;
}

function deviceRow(device, faults) {
  return el("li", {}, el("b", { class: "plate" }, String(device.unit)),
    el("div", {}, el("b", {}, device.name), el("p", { class: "soft" }, device.model)),
    el("span", { class: "end flow tight" }, mark(device.fault), choice(device, faults)));
}

function lineCard(line, faults) {
  const out = line.faults.includes("unplugged");
  const plug = el("button", { class: "btn quiet", type: "button", "data-plug": line.name,
    "data-fault": out ? "" : "unplugged" }, icon("plug"), out ? words["panel-plug"] : words["panel-unplug"]);
  return el("section", { class: "card g4", "aria-label": line.name },
    el("header", {}, el("div", {}, el("h2", {}, line.name), el("p", { class: "soft" }, line.where)),
      el("span", { class: "end" }, mark(out ? "unplugged" : ""))),
    plug, el("ul", { class: "rows" }, ...line.devices.map((device) => deviceRow(device, faults))));
}

const shown = new Map();
function show(state) {
  words = state.words;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = words[node.dataset.word];
  document.title = words["panel-title"];
  $("live").href = state.links.live;
  $("platform").href = state.links.platform;
  if (state.platform === false) $("says").textContent = words["panel-platform-away"];
  for (const [index, line] of state.lines.entries()) {
    const now = JSON.stringify(line);
    if (shown.get(line.name) === now) continue;
    shown.set(line.name, now);
    const card = lineCard(line, state.faults);
    const old = $("lines").children[index];
    old ? old.replaceWith(card) : $("lines").append(card);
  }
}

document.addEventListener("change", (event) => {
  if (event.target.dataset.name) wish(event.target.dataset.name, event.target.value);
});
document.addEventListener("click", (event) => {
  const plug = event.target.closest("[data-plug]");
  if (plug) wish(plug.dataset.plug, plug.dataset.fault);
});
$("heal").addEventListener("click", async () => {
  $("says").textContent = "";
  show(await (await fetch("api/heal", { method: "POST" })).json());
});

async function refresh() {
  try {
    show(await (await fetch("api/state")).json());
  } catch {
    // The field was killed or stopped: the page waits for it to come back.
  }
}
refresh();
setInterval(refresh, 1000);
