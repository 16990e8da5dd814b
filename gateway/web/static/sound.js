// Sounds while somebody is needed: each `data-ring` says how urgently, and every pulse keeps it true.
// 3 is the page's own: it does not hear the station any more, so what it shows may be untrue.
//
// Only the browser knows whether it can be heard: it wants a press first. So the switch says "on"
// only while sound really runs, and "blocked" where a press is still missing.

const EVERY_MS = { 1: 10_000, 2: 3_000, 3: 5_000 };
const TONES = { 1: [[660, 0, 0.5]], 2: [[880, 0, 0.3], [660, 0.35, 0.3], [880, 0.7, 0.3]], 3: [[440, 0, 0.4], [330, 0.45, 0.4], [220, 0.9, 0.8]] };
const KEPT = "alarm-sound";

const speaker = new AudioContext();
let chimedAt = -Infinity;

const $ = (id) => document.getElementById(id);
const isOn = () => localStorage.getItem(KEPT) !== "off";
const runs = () => speaker.state === "running";

function chime(tones) {
  for (const [hertz, after, seconds] of tones) {
    const tone = speaker.createOscillator();
    const loud = speaker.createGain();
    const begin = speaker.currentTime + after;
    tone.frequency.value = hertz;
    loud.gain.setValueAtTime(0.4, begin);
    loud.gain.exponentialRampToValueAtTime(0.001, begin + seconds);
    tone.connect(loud).connect(speaker.destination);
    tone.start(begin);
    tone.stop(begin + seconds);
  }
}

const now = () => !isOn() ? "off" : runs() ? "on" : "blocked";

function show() {
  const card = $("sound");
  if (!card) return;
  const state = now();
  const word = card.dataset[state];
  if ($("sound-state").textContent !== word) $("sound-state").textContent = word;
  card.hidden = false;
  const heard = state === "on";
  const button = $("sound-switch");
  button.setAttribute("aria-pressed", String(heard));
  const label = button.querySelector("[data-on]");
  label.textContent = heard ? label.dataset.on : label.dataset.off;
}

function tick() {
  show();
  const rings = [...document.querySelectorAll("[data-ring]")].map((one) => Number(one.textContent));
  const ring = Math.max(0, ...rings);
  if (!ring || !isOn() || !runs()) return;
  if (performance.now() - chimedAt < EVERY_MS[ring]) return;
  chimedAt = performance.now();
  document.body.dataset.sounded = ring;
  chime(TONES[ring]);
}

async function turn(on) {
  localStorage.setItem(KEPT, on ? "on" : "off");
  if (on) await speaker.resume();
  tick();
}

// A press may itself unblock the sound before its click comes: the switch obeys what it showed.
let before = null;
document.addEventListener("click", async (event) => {
  const was = before ?? now();
  before = null;
  if (event.target.closest("#sound-switch")) return turn(was !== "on");
  if (event.target.closest("#sound-test")) {
    await speaker.resume();
    chime(TONES[2]);
  }
  tick();
});
// The first press anywhere, of a key or of the mouse, is what the browser has waited for.
for (const press of ["pointerdown", "keydown"]) {
  addEventListener(press, () => {
    before = now();
    if (before === "blocked") speaker.resume().then(tick);
  }, { capture: true });
}
speaker.addEventListener("statechange", tick);
document.addEventListener("pulse", tick);  // a page in the background gets pulses, but hardly a timer
setInterval(tick, 1000);
tick();
