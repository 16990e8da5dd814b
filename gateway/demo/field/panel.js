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

async function post(path, body = {}) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (answer.ok) show(await answer.json());
}

function choice(device) {
  const select = el("select", { class: "in", "aria-label": device.name, "data-name": device.id });
  for (const fault of ["", ...device.faults]) {
    select.append(el("option", { value: fault }, fault ? words[`fault-${fault}`] : words.normal));
  }
  select.value = device.fault;
  return select;
}

function deviceRow(device) {
  return el("tr", {}, el("td", { class: "r num" }, String(device.unit)),
    el("td", {}, el("b", {}, device.name), el("p", { class: "soft" }, device.model)),
    el("td", {}, mark(device.fault)), el("td", {}, choice(device)));
}

function lineCard(line) {
  const out = line.unplugged;
  const plug = el("button", { class: "btn quiet end", type: "button", "data-plug": line.name,
    "data-fault": out ? "" : "unplugged" }, icon("plug"), out ? words["panel-plug"] : words["panel-unplug"]);
  return el("section", { class: "card g6", "aria-label": line.name, "data-line": line.name },
    el("header", {}, el("div", {}, el("h2", {}, line.name), mark(out ? "unplugged" : "")), ...(line.plug ? [plug] : [])),
    el("table", {}, el("tbody", {}, ...line.devices.map((device) => deviceRow(device)))));
}

function moodButton(mood, now) {
  return el("button", { class: "btn quiet", type: "button", "data-mood": mood,
    "aria-pressed": String(mood === now) }, words[`mood-${mood}`]);
}

function sceneRow(scene) {
  const { name, on } = scene;
  return el("li", {}, icon(scene.pictogram),
    el("span", {}, el("b", {}, words[`story-${name}`]), el("p", { class: "soft" }, words[`story-${name}-look`])),
    el("span", { class: "end" }, el("button", { class: on ? "btn" : "btn quiet", type: "button",
      "data-scene": name, "data-on": on ? "" : "on", "aria-pressed": String(on) },
      icon(on ? "back" : "play"), on ? words["story-undo"] : words["story-do"],
      el("span", { class: "sr" }, ` ${words[`story-${name}`]}`))));
}

const shown = new Map();
function changed(key, facts) {
  const now = JSON.stringify(facts);
  if (shown.get(key) === now) return false;
  shown.set(key, now);
  return true;
}

function show(state) {
  words = state.words;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = words[node.dataset.word];
  document.title = words["panel-title"];
  $("live").href = state.links.live;
  $("platform").href = state.links.platform;
  $("dispatcher").href = state.links.dispatcher;
  if (changed("mood", state.mood)) {
    const [kind, picture] = state.mood === "normal" ? ["ok", "s-ok"] : ["away", "cloud-off"];
    const word = state.mood === null ? words["panel-platform-away"] : words[`mood-${state.mood}`] ?? state.mood;
    $("mood").replaceChildren(el("span", { class: `st ${kind}` }, icon(picture), word));
    $("moods").replaceChildren(...state.moods.map((mood) => moodButton(mood, state.mood)));
  }
  $("alarms").href = new URL("/desk/alarms", state.links.live).href;
  if (changed("story", state.story)) $("story").replaceChildren(...state.story.map(sceneRow));
  for (const line of state.lines) {
    if (!changed(line.name, line)) continue;
    const card = lineCard(line);
    const old = document.querySelector(`[data-line="${line.name}"]`);
    old ? old.replaceWith(card) : document.querySelector("main").append(card);
  }
}

document.addEventListener("change", (event) => {
  const { name } = event.target.dataset;
  if (name) post("api/wish", { name, fault: event.target.value });
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-plug], [data-mood], [data-scene]");
  if (!button) return;
  const { scene, on } = button.dataset;
  if (scene) return post(`api/story/${scene}`, { on: Boolean(on) });
  const { plug, fault, mood } = button.dataset;
  plug ? post("api/wish", { name: plug, fault }) : post(`api/mood/${mood}`);
});
$("heal").addEventListener("click", () => post("api/heal"));

async function refresh() {
  try {
    show(await (await fetch("api/state")).json());
  } catch {
    // The field was killed or stopped: the page waits for it to come back.
  }
}
refresh();
setInterval(refresh, 1000);
