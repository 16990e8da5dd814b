// Hear here: one sound at a time, which goes on while the page is brought up to date.
//
// A recording is a player's to play. A zone has no end: its samples are scheduled as they come, a
// fifth of a second behind, where a player would first gather some seconds of them.

const RATE = 16000;
const HEADER_BYTES = 44;
const BEHIND_S = 0.2;
const LAG_S_MAX = 1;  // what lies further ahead is thrown away: a zone is heard as it sounds

const sound = new Audio();
let href = null;
let tuned = null;  // { context, leaving, heard }

const links = () => document.querySelectorAll("a[data-listen]");
const isZone = (link) => link.pathname.includes("/listen/");
const isOn = () => (tuned ? true : Boolean(href) && !sound.paused);
const isHeard = () => (tuned ? tuned.heard : sound.readyState >= 3);

function show() {
  for (const link of links()) {
    const on = link.href === href && isOn();
    link.setAttribute("aria-pressed", String(on));
    link.setAttribute("role", "button");
    link.classList.toggle("is-voice", on);
    link.classList.toggle("quiet", !on);
  }
  const said = document.getElementById("listening");
  if (!said) return;
  const link = [...links()].find((each) => each.href === href);
  const word = !link || !isOn() ? "" : isHeard() ? said.dataset.on : said.dataset.wait;
  const text = word.replace("{zone}", link?.getAttribute("aria-label") ?? "");
  if (said.textContent !== text) said.textContent = text;
}

function stop() {
  sound.pause();
  sound.removeAttribute("src");
  sound.load();
  tuned?.leaving.abort();
  tuned?.context.close();
  tuned = null;
  href = null;
}

// 16-bit samples, little endian, however the line has cut them.
function samples(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength >> 1 }, (_, n) => view.getInt16(2 * n, true) / 32768);
}

async function tune(address) {
  const mine = (tuned = { context: new AudioContext({ sampleRate: RATE }), leaving: new AbortController(), heard: false });
  const answer = await fetch(address, { signal: mine.leaving.signal });
  if (!answer.ok) throw new Error(answer.statusText);
  const reader = answer.body.getReader();
  let rest = new Uint8Array();
  let skip = HEADER_BYTES;
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || tuned !== mine) break;
    const bytes = new Uint8Array(rest.length + value.length);
    bytes.set(rest);
    bytes.set(value, rest.length);
    const from = Math.min(skip, bytes.length);
    skip -= from;
    const whole = from + ((bytes.length - from) & ~1);
    rest = bytes.slice(whole);
    const piece = samples(bytes.subarray(from, whole));
    if (!piece.length) continue;
    const now = mine.context.currentTime;
    if (at > now + LAG_S_MAX) continue;
    at = Math.max(at, now + (at < now ? BEHIND_S : 0));
    const buffer = mine.context.createBuffer(1, piece.length, RATE);
    buffer.copyToChannel(piece, 0);
    const source = new AudioBufferSourceNode(mine.context, { buffer });
    source.connect(mine.context.destination);
    source.start(at);
    at += piece.length / RATE;
    if (!mine.heard) {
      mine.heard = true;
      show();
    }
  }
  if (tuned === mine) stop();
}

async function begin(link) {
  href = link.href;
  try {
    if (isZone(link)) {
      const over = tune(href);
      show();
      await over;
    } else {
      sound.src = href;
      await sound.play();
    }
  } catch (error) {
    if (error.name !== "AbortError") stop();
  }
  show();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-listen]");
  if (!link) return;
  event.preventDefault();
  const again = link.href === href && isOn();
  stop();
  if (!again) begin(link);
  show();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !event.target.matches?.("a[data-listen]")) return;
  event.preventDefault();
  event.target.click();
});
for (const moved of ["playing", "pause", "ended", "waiting", "emptied"]) sound.addEventListener(moved, show);
document.addEventListener("pulse", show);
show();
