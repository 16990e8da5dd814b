// The microphone: opened once, heard in the ticked zones while the button is held, by finger or key.
//
// An order is placed first; what was said until its receipt came is sent after it. Letting go, a
// closed page, or something more urgent ends it.

const RATE = 16000;
const WAITING_MAX = 100;  // pieces of 20 ms that wait for the line
const QUIET_DB = -60;

const $ = (id) => document.getElementById(id);
const say = (word) => { state = word; show(); };

let state = "off";
let level = QUIET_DB;
let opened = false;
let talking = null;  // { line, waiting }

function show() {
  const card = $("mic");
  if (!card) return;
  card.hidden = false;
  const text = state.startsWith("=") ? state.slice(1) : card.dataset[state];
  if ($("mic-state").textContent !== text) $("mic-state").textContent = text;
  $("mic-open").hidden = opened;
  $("mic-talk").hidden = !opened;
  $("mic-talk").setAttribute("aria-pressed", String(Boolean(talking)));
  const bar = $("mic-level");
  bar.querySelector(".v").setAttribute("width", String(100 * (1 - level / QUIET_DB)));
  bar.setAttribute("aria-label", card.dataset.level.replace("{db}", Math.round(level)));
}

async function open() {
  try {
    const voice = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: false, autoGainControl: false, noiseSuppression: false } });
    const sound = new AudioContext({ sampleRate: RATE });
    await sound.audioWorklet.addModule($("mic").dataset.worklet);
    const pieces = new AudioWorkletNode(sound, "pcm", { numberOfOutputs: 0 });
    pieces.port.onmessage = ({ data }) => heard(data);
    sound.createMediaStreamSource(voice).connect(pieces);
    await sound.resume();
    opened = true;
    say("ready");
    $("mic-talk").focus();
  } catch (error) {
    say(error.name === "NotFoundError" ? "none" : "denied");
  }
}

let loudest = 0;
function heard({ piece, loudest: peak }) {
  loudest = Math.max(loudest, peak);
  if (!talking) return;
  if (talking.line?.readyState === WebSocket.OPEN) talking.line.send(piece);
  else if (talking.waiting.length < WAITING_MAX) talking.waiting.push(piece);
}

setInterval(() => {
  level = Math.max(QUIET_DB, 20 * Math.log10(loudest || 0.001));
  loudest = 0;
  if (opened) show();
}, 200);

async function begin() {
  if (talking) return;
  const zones = [...document.querySelectorAll("[name=zone]:checked")].map(({ value }) => ["zone", value]);
  if (!zones.length) return say("zone");
  const mine = talking = { line: null, waiting: [] };
  document.body.dataset.busy = "mic";
  say("wait");
  let answer;
  let receipt;
  try {
    answer = await fetch("/desk/broadcast/live", {
      method: "POST",
      headers: { "X-Form": $("mic").dataset.form, Accept: "application/json" },
      body: new URLSearchParams(zones),
    });
    receipt = await answer.json();
  } catch {
    return ended(mine, "lost");
  }
  if (!answer.ok || receipt.reason_code) return refused(mine, receipt);
  const line = mine.line = new WebSocket(`wss://${location.host}/desk/broadcast/live/${receipt.of}`.replace("wss:", location.protocol === "https:" ? "wss:" : "ws:"));
  line.addEventListener("open", () => {
    for (const piece of mine.waiting.splice(0)) line.send(piece);
    if (mine.over) return line.close();
    say("live");
  });
  line.addEventListener("close", ({ reason, wasClean }) => ended(mine, !wasClean ? "lost" : reason === "over" ? "over" : "kept"));
}

function refused(mine, receipt) {
  ended(mine, `=${receipt.said ?? receipt.title ?? ""}`);
}

function ended(mine, word) {
  if (talking === mine) talking = null;
  delete document.body.dataset.busy;
  say(word);
}

// The line is closed only when it is open: closing it while it opens would lose what was said.
function end() {
  if (!talking || talking.over) return;
  talking.over = true;
  if (talking.line?.readyState === WebSocket.OPEN) talking.line.close();
}

const isTalk = (event) => Boolean(event.target.closest?.("#mic-talk"));
document.addEventListener("click", (event) => event.target.closest("#mic-open") && open());
document.addEventListener("pointerdown", (event) => isTalk(event) && event.button === 0 && begin());
for (const over of ["pointerup", "pointercancel", "blur", "pagehide"]) addEventListener(over, end);
document.addEventListener("keydown", (event) => {
  if (!isTalk(event) || !["Enter", " "].includes(event.key)) return;
  event.preventDefault();
  if (!event.repeat) begin();
});
document.addEventListener("keyup", (event) => ["Enter", " "].includes(event.key) && end());
document.addEventListener("pulse", show);
show();
