// Keeps a page that the server has rendered true to the station, by patching what has changed.
//
// Every element with `data-k` shows one key of the page's view; `data-as` says how. Pulses come at
// each beat, changed or not: when they stop coming, the page says that it is no longer live and
// since when, and the ages on it go on growing. After a while it sounds as well (`sound.js`): whoever
// is on duty and looks elsewhere hears that the station is not heard any more.

const SILENT_MS = 5000;
const SOUNDS_MS = 15_000;
const LOST_RING = 3;
const RETRY_MS = 5000;
const page = document.body.dataset;
// The answer to a form stands at the form's address, which nobody can get again.
if (page.here) history.replaceState(null, "", page.here);
const ages = JSON.parse(page.ages);

const as = {
  text: (element, value) => element.firstChild ? (element.firstChild.data = value) : element.append(value),
  said: (element, value) => { element.textContent = value; element.hidden = !value; },
  shown: (element, value) => { element.hidden = !value; },
  value: (element, value) => { element.value = value; },
  title: (element, value) => { document.title = value ? `${value} · ${element.dataset.own}` : element.dataset.own; },
  icon: (element, value) => { element.href = value ? element.dataset.alarm : element.dataset.calm; },
  turn: (element, value) => element.setAttribute("transform", `rotate(${value} 100 100)`),
  stop: (element, value) => { element.className = value; },
  d: (element, value) => element.setAttribute("d", value),
  bar: (element, value) => {
    element.querySelector(".v").setAttribute("width", value);
    element.setAttribute("aria-label", element.dataset.label.replace("{}", value));
  },
  mark: (element, [colour, pictogram, word]) => {
    const use = element.querySelector("use");
    element.className = `st ${colour}`;
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${pictogram}`));
    element.lastElementChild.firstChild.data = word;
  },
  age: (element, value) => { born.set(element, value); tell(element); },
};

const shown = new Map();  // key → its elements
const born = new Map();   // element → the station's milliseconds when it was read, or null
let stationMs = Number(page.at);
let heardAt = performance.now();
let clock = document.querySelector('[data-k="frame.clock"]').textContent;

const $ = (id) => document.getElementById(id);

function find() {
  shown.clear();
  born.clear();
  for (const element of document.querySelectorAll("[data-k]")) {
    const key = element.dataset.k;
    shown.set(key, [...(shown.get(key) ?? []), element]);
  }
}
find();

const now = () => stationMs + performance.now() - heardAt;

const ageText = (ms) => {
  const seconds = Math.max(0, ms / 1000);
  const [, unit, text] = ages.find(([below]) => seconds < below);
  return text.replace("{n}", Math.floor(seconds / unit));
};

function tell(element) {
  const at = born.get(element);
  const text = at === null ? "—" : ageText(now() - at);
  if (element.firstChild.data !== text) element.firstChild.data = text;
}

// Another shape: what the page shows is fetched and put in the place of the old, without loading
// the page again, because a page that was loaded anew may not make a sound until somebody presses.
// A page that somebody is typing into, has a finger or a key down on, or holds a button of
// (`data-busy`) waits until they have done, and goes on showing values: a press that began on a
// button which is gone when it ends would do nothing. What a form's refusal said (`data-stay`) stays.
let fetching = false;
let stale = false;
let pressing = false;
const typing = () => document.activeElement?.matches("input:not([type=hidden]), select, textarea");
const inUse = () => pressing || "busy" in page || typing();
// A menu takes the end of its press away with it: nobody hears the button or the key come up again.
for (const begin of ["pointerdown", "keydown"]) addEventListener(begin, () => { pressing = true; }, { capture: true });
for (const end of ["pointerup", "pointercancel", "keyup", "contextmenu", "blur"]) addEventListener(end, () => { pressing = false; }, { capture: end !== "blur" });

function anew() {
  if (fetching || inUse()) return;
  fetching = true;
  const asked = new XMLHttpRequest();
  asked.open("GET", location.href);
  asked.responseType = "document";
  asked.addEventListener("load", () => exchange(asked.response, asked.status));
  asked.addEventListener("loadend", () => { fetching = false; });
  asked.send();
}

function exchange(fresh, status) {
  const body = fresh?.body?.dataset;
  if (body?.pulse !== page.pulse) {
    if (![401, 403].includes(status)) return location.reload();  // no such page any more
    why = "ended";  // a page that went to the sign-in by itself would be silent there
    return sayLost();
  }
  if (inUse()) return;  // they have begun since it was asked for
  stale = false;
  const focused = document.activeElement?.id;
  const unfolded = [...document.querySelectorAll("details[id][open]")].map(({ id }) => id);
  for (const said of document.querySelectorAll("[data-stay]")) fresh.getElementById(said.id)?.replaceWith(said);
  document.querySelector("main").replaceWith(fresh.querySelector("main"));
  for (const id of unfolded) $(id)?.setAttribute("open", "");
  for (const name of ["title", "link[rel=icon]"]) document.querySelector(name).replaceWith(fresh.querySelector(name));
  page.shape = body.shape;
  find();
  if (focused) $(focused)?.focus();
  document.dispatchEvent(new Event("pulse"));
}

function take(event) {
  const { at, set = {} } = JSON.parse(event.data);
  if ("shape" in set) stale = String(set.shape) !== page.shape;
  if (stale) anew();
  stationMs = at;
  heardAt = performance.now();
  for (const [key, value] of Object.entries(set)) {
    for (const element of shown.get(key) ?? []) as[element.dataset.as ?? "text"](element, value);
  }
  clock = set["frame.clock"] ?? clock;
  page.heard = at;
  $("lost-ring").textContent = "";
  $("lost").hidden = true;
  document.dispatchEvent(new Event("pulse"));
}

// Why nothing comes: `since` nobody knows, too many (`full`), or the session has `ended`.
let why = "since";

// The sentence is said once, for who listens to the page; the age beside it is only seen.
function sayLost() {
  const silent = performance.now() - heardAt;
  const ended = why === "ended";
  if (silent < SILENT_MS && !ended) return;
  const said = $("lost-since");
  const text = said.dataset[why].replace("{clock}", clock);
  if (said.textContent !== text) said.textContent = text;
  $("lost-age").textContent = ended ? "" : ageText(silent);
  $("lost-enter").hidden = !ended;
  $("lost-ring").textContent = ended || silent >= SOUNDS_MS ? LOST_RING : "";
  $("lost").hidden = false;
}

async function listen() {
  const wish = { lanes: "", pulse: page.pulse, lang: document.documentElement.lang.slice(0, 2) };
  const address = `/api/v1/events?${new URLSearchParams(wish)}`;
  const stream = new EventSource(address);
  stream.addEventListener("pulse", take);
  stream.addEventListener("snapshot", take);
  stream.addEventListener("open", () => { why = "since"; });
  stream.addEventListener("error", async () => {
    if (stream.readyState !== EventSource.CLOSED) return;  // the browser tries again by itself
    why = await refused(address);
    sayLost();
    setTimeout(listen, RETRY_MS);
  });
}

// The browser does not tell why a stream was refused; asking once more does.
async function refused(address) {
  const stop = new AbortController();
  try {
    const { status } = await fetch(address, { signal: stop.signal });
    return { 401: "ended", 403: "ended", 503: "full" }[status] ?? "since";
  } catch {
    return "since";
  } finally {
    stop.abort();
  }
}

setInterval(() => {
  for (const element of born.keys()) tell(element);
  sayLost();
}, 1000);
listen();
