// The screen of a kiosk. The station says what stands there; this shows it, answers a finger at
// once, and sends which key was pressed on which screen. Nothing is kept here.

const SILENT_MS = 4000;   // nothing heard for so long: the station is not there
const DOUBT_MS = 2500;    // no pulse for so long: ask for the page, the stream may be what is broken
const RETRY_MS = 1000;
const ANSWER_MS = 8000;
const ALIVE_MS = 30000;
const GUARD_MS = 1000;    // nothing is pressed so soon where the last key lay
const PUSHED_MS = 600;    // nor anywhere, on a screen that came by itself
const QUEUE_MAX = 12;
const CALLS_MAX = 5;      // so often a call for a person that was refused is sent again
const NEAR_MM = 5;
const TYPED_MS = 50;      // a key waits so long for another: a reader of cards is quicker
const CARD_MIN = 5;

const page = () => document.body.dataset;
const kiosk = page().kiosk;
let heardAt = performance.now();
let stationNow = Number(page().now);
let lost = false;
let down = null;          // the key under the finger
let pending = false;      // another screen waits until the finger is lifted
let busy = false;
let told = page().serial; // the screen that the station has now, as it last said
const queue = [];
let guard = { until: 0, rect: null, number: "" };  // where the last key lay
let pushed = 0;           // until then nothing is pressed anywhere

// What the station shows.

function ask(method, address, body, done, within = ANSWER_MS) {
  const asked = new XMLHttpRequest();
  asked.open(method, address);
  asked.responseType = "document";  // parsed by the browser, never by us
  asked.timeout = within;
  asked.addEventListener("load", () => done(asked.status === 200 ? asked.response : null, asked.status));
  for (const trouble of ["error", "timeout", "abort"]) asked.addEventListener(trouble, () => done(null, 0));
  if (body) asked.setRequestHeader("Content-Type", "application/json");
  asked.send(body);
}

const address = () => `/kiosk/${kiosk}/`;

// Asked for at every pulse until what is shown is what the station has: a look may fail, and what
// changes during one is told only once. What a press has led to comes with its answer; but an
// emergency waits for no disk.
const ALERT = "alert";
let fetching = false;
function anew(within) {
  if (down) { pending = true; return; }
  if (fetching) return;
  fetching = true;
  ask("GET", address(), null, (fresh) => {
    fetching = false;
    if (fresh) heardAt = performance.now();
    if (down) pending = true;  // a finger came down since it was asked for
    else if (fresh && (!busy || fresh.body?.dataset.on === ALERT)) exchange(fresh, null);
  }, within);
}

function exchange(fresh, pressed) {
  const body = fresh.body;
  if (!body?.dataset.serial) return;
  const other = body.dataset.on !== page().on || lost;
  const focused = document.activeElement?.dataset?.press;
  if (other) {
    const now = performance.now();
    if (pressed?.rect) guard = { until: now + GUARD_MS, rect: pressed.rect, number: pressed.number };
    else pushed = now + (pressed ? GUARD_MS : PUSHED_MS);
  }
  for (const name of ["night", "contrast"]) document.documentElement.toggleAttribute(`data-${name}`, name in fresh.documentElement.dataset);
  document.documentElement.lang = fresh.documentElement.lang;
  document.title = fresh.title;
  document.body.replaceWith(document.adoptNode(body));
  lost = false;
  stationNow = Math.max(stationNow, Number(page().now));
  count();
  const same = focused && document.querySelector(`[data-press="${CSS.escape(focused)}"]`);
  if (same && !other) same.focus();
  else if (focused) document.querySelector("h1")?.focus();
}

function count() {
  for (const element of document.querySelectorAll("[data-start]")) {
    const seconds = Math.max(0, stationNow - Number(element.dataset.start));
    element.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}

function lose() {
  if (lost) return;
  lost = true;
  queue.length = 0;
  const kept = document.getElementById("away").content.cloneNode(true);
  for (const part of document.querySelectorAll("main, .press, .foot")) part.remove();
  document.body.prepend(kept);
}

// A finger, a key. The key for a person goes at once, whatever else is under way.

const person = (button) => button.matches(".is-person");

function fire(button) {
  const pressed = { press: button.dataset.press, on: page().on, rect: button.getBoundingClientRect(), number: button.dataset.number ?? "" };
  if (person(button)) {
    button.setAttribute("aria-busy", "true");
    call(pressed);
    return;
  }
  if (busy) {
    if (button.closest(".keys") && queue.length < QUEUE_MAX) queue.push(pressed);
    return;
  }
  button.setAttribute("aria-busy", "true");
  send(pressed);
}

function send(pressed) {
  busy = true;
  const body = JSON.stringify({ on: pressed.on, press: pressed.press });
  ask("POST", `${address()}press`, body, (fresh, status) => {
    busy = false;
    if (fresh) exchange(fresh, pressed);
    else if (status === 0) lose();
    else anew();
    const next = queue.shift();
    if (next && next.on === page().on) send(next);
    else queue.length = 0;
  });
}

function call(pressed, again = CALLS_MAX) {
  const body = JSON.stringify({ on: pressed.on, press: pressed.press });
  ask("POST", `${address()}press`, body, (fresh, status) => {
    if (fresh) exchange(fresh, pressed);
    else if (status === 0) lose();
    else if (again > 0) setTimeout(call, RETRY_MS, pressed, again - 1);  // twice is one call
    else anew();
  });
}

const within = (rect, x, y) => x >= rect.left && x <= rect.right && y >= rect.top && y <= rect.bottom;
// The foot's key for a person lies in one place on every screen: none that came by itself put it there.
const foot = (button) => person(button) && button.closest(".foot") !== null;
const guarded = (button, x, y) => (performance.now() < pushed && !foot(button)) || (performance.now() < guard.until && within(guard.rect, x, y));

// The key under a finger, or the nearest within half a gap: two never lie that near.
function keyAt(x, y) {
  const near = NEAR_MM * parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--mm"));
  let found = null;
  let least = near;
  for (const key of document.querySelectorAll("button")) {
    const { left, right, top, bottom } = key.getBoundingClientRect();
    const off = Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
    if (off < least) [found, least] = [key, off];
  }
  return found;
}

function lift() {
  const was = down;
  if (was) delete was.dataset.down;
  down = null;
  if (pending) { pending = false; queueMicrotask(anew); }
  return was;
}

document.addEventListener("pointerdown", (event) => {
  const button = keyAt(event.clientX, event.clientY);
  if (!event.isPrimary || !button || guarded(button, event.clientX, event.clientY)) return;
  down = button;
  button.dataset.down = "";
});
document.addEventListener("pointerup", (event) => {
  if (!event.isPrimary) return;
  const was = lift();
  if (was && keyAt(event.clientX, event.clientY) === was) fire(was);
});
document.addEventListener("pointercancel", lift);
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button");
  if (button && event.detail === 0) fire(button);  // Enter, space, or an aid: a finger was above
});
document.addEventListener("contextmenu", (event) => event.preventDefault());

function step(by) {
  const keys = [...document.querySelectorAll("button")];
  const at = keys.indexOf(document.activeElement);
  keys[(at + by + keys.length) % keys.length]?.focus();
}

// A reader of cards types faster than anybody, and ends with Enter; whatever else is typed are keys.
let typed = "";
let typing = 0;

function read(event) {
  const { key } = event;
  if (/^[0-9A-Za-z]$/.test(key)) {
    typed += key;
    clearTimeout(typing);
    typing = setTimeout(typedKeys, TYPED_MS);
    return true;
  }
  if (key !== "Enter" || typed.length < CARD_MIN) return false;
  clearTimeout(typing);
  const card = typed;
  typed = "";
  event.preventDefault();
  if (!busy) send({ press: `card:${card}`, on: page().on, rect: null, number: "" });
  return true;
}

function typedKeys() {
  const keys = [...typed];
  typed = "";
  for (const key of keys) typeKey(key);
}

function typeKey(key) {
  const wanted = key === "Backspace" ? '[data-press="erase"]' : /^[0-9]$/.test(key) ? `[data-number="${key}"]` : null;
  const button = wanted && document.querySelector(wanted);
  if (!button) return;
  const soon = (performance.now() < pushed && !foot(button)) || (performance.now() < guard.until && guard.number === key);
  if (!soon) fire(button);
}

document.addEventListener("keydown", (event) => {
  const { key } = event;
  if (key === "Escape" || event.ctrlKey || event.altKey || event.metaKey) return event.preventDefault();
  if (key === "ArrowRight" || key === "ArrowDown") return step(1), event.preventDefault();
  if (key === "ArrowLeft" || key === "ArrowUp") return step(-1), event.preventDefault();
  if (event.repeat) return event.preventDefault();
  if (!read(event)) typeKey(key);
});

// The stream.

function take(event) {
  heardAt = performance.now();
  const { set = {} } = JSON.parse(event.data);
  if (set.build && set.build !== page().build && page().build) return location.replace(address());
  stationNow = set.now ?? stationNow;
  told = String(set.serial ?? told);
  if (lost || told !== page().serial) anew();
  count();
}

function listen() {
  const stream = new EventSource(`/api/v1/events?${new URLSearchParams({ lanes: "", pulse: `kiosk:${kiosk}` })}`);
  stream.addEventListener("pulse", take);
  stream.addEventListener("snapshot", take);
  let opened = false;
  stream.addEventListener("open", () => { heardAt = performance.now(); if (opened) anew(); opened = true; });
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  });
}

const alive = () => fetch(`/api/v1/kiosks/${kiosk}/alive`, { method: "POST" }).catch(() => {});

function keep() {
  const trusted = window.trustedTypes?.createPolicy("keeper", { createScriptURL: (url) => url });
  const script = trusted ? trusted.createScriptURL("/kiosk/away.js") : "/kiosk/away.js";
  navigator.serviceWorker?.register(script, { scope: "/kiosk/" }).catch(() => {});
}

if ("away" in page()) {
  // The page that the browser kept: look until the station is there.
  setInterval(() => fetch("/healthz").then(() => location.reload()).catch(() => {}), RETRY_MS);
} else {
  count();
  listen();
  alive();
  keep();
  setInterval(alive, ALIVE_MS);
  setInterval(() => {
    const silent = performance.now() - heardAt;
    if (silent > SILENT_MS) lose();
    if (silent > DOUBT_MS) anew(SILENT_MS - DOUBT_MS);
  }, RETRY_MS / 2);
}
