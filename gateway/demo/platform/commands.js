// The page of commands: sends what it is told to, and once a second shows what became of it.

import { EXAMPLES, WRONG } from "./examples.js";

const MANNERS = {
  signed: "签名", unsigned: "没签名", forged: "别人签的", late: "已作废",
  elsewhere: "写着别的站", twice: "发两遍", large: "一兆大",
};
const STATES = {
  issued: ["平台写好", "done"],
  accepted: ["驿站收下", "now"],
  done: ["办好了", "done"],
  sent: ["发出了，没法证实", "done"],
  failed: ["没办成", "shut"],
  refused: ["不办", "shut"],
  expired: ["过期，没办", "shut"],
  duplicate: ["又来一遍，没重办", "done"],
};
const WHY = {
  "inbox.unsigned": "没有签名", "inbox.forged": "签名不对", "inbox.wrong-station": "不是给本站的",
  "inbox.unavailable": "不会办这一种", "inbox.too-large": "太大", "inbox.malformed": "看不懂",
  "inbox.no-key": "驿站没有平台的公钥", "inbox.busy": "手上太多", "inbox.fault": "驿站自己出了错",
  "inbox.forgotten": "太久以前的，不知道办过没有", "inbox.not-cancellable": "开始了就停不下来",
};
const WORDS = new Map(EXAMPLES.map(([kind, word]) => [kind, word]).reverse());
const READ_WITHIN_MS = 20000;

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("zh-CN");
let last = null;
let base = null;
let state = { stations: [], commands: [] };

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function button(text, press) {
  const made = el("button", { class: "btn quiet nb", type: "button" }, text);
  made.addEventListener("click", press);
  return made;
}

// Rewrites a part only where its facts changed, so that focus and reading position stay.
const shown = new Map();
function fill(id, facts, draw) {
  const now = JSON.stringify(facts);
  if (shown.get(id) === now) return;
  shown.set(id, now);
  $(id).replaceChildren(...draw(facts));
}

function time(ms) {
  const at = new Date(ms);
  return `${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

// What a step says of itself: in words where there are any, else as the receipt has it.
function told(step) {
  if (step.state === "issued") return [step.reason.split(" ").map((each) => MANNERS[each]).join("，")];
  if (step.said.length) return step.said;
  const why = WHY[step.reason] ?? step.reason;
  const plain = step.detail && step.state !== "duplicate" && !("text" in step.detail);
  return [why, plain ? JSON.stringify(step.detail) : ""];
}

function stepItem(step, at, life) {
  const [word, stop] = STATES[step.state];
  const past = stop === "now" && at < life.length - 1;
  const lines = told(step).filter(Boolean);
  const made = el("li", { class: past ? "done" : stop }, el("b", {}, word),
    el("p", { class: "soft" }, [time(step.came_ms), lines[0]].filter(Boolean).join(" · ")),
    ...lines.slice(1).map((line) => el("p", {}, line)));
  if (step.detail?.text && step.state === "done") made.append(readText(step.detail));
  return made;
}

function readText(detail) {
  const lines = detail.text.split("\n").length;
  return el("div", { class: "flow" }, el("span", {}, `${number.format(lines)} 行`),
    button("拿来改", () => edit(detail)));
}

function lifeItem(command) {
  const word = WORDS.get(command.kind) ?? "别的命令";
  const again = button("再发一遍", () => post(`api/commands/${command.id}/again`, {}));
  again.setAttribute("aria-label", `再发一遍：${word} ${command.id.slice(-6)}`);
  return el("article", { class: "stack" },
    el("header", { class: "flow" },
      el("div", {}, el("h3", {}, word),
        el("p", { class: "soft" }, `${command.kind} · …${command.id.slice(-6)}`)),
      el("span", { class: "end" }, again)),
    el("ol", { class: "line" }, ...command.life.map(stepItem)));
}

function livesList(commands) {
  if (commands.length) return commands.map(lifeItem);
  return [el("div", { class: "empty" }, el("p", {}, "还没有下过命令。发一条，它走到哪一步、几点几分，都在这里。"))];
}

function enrolledItem(one) {
  const key = one.key.slice(0, 32).match(/.{4}/g).join(" ");
  return el("li", { class: "flow" }, el("b", { class: "nb" }, one.station),
    el("span", { class: "soft" }, `密钥 ${key}`));
}

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  await show();
  return answer.ok ? JSON.parse(text) : { error: text };
}

// The settings are no data to be typed as JSON: they are read from the station, and changed here.
function choose(kind) {
  const settings = kind === "settings.apply";
  $("kind").value = kind;
  $("settings").hidden = !settings;
  $("data-label").hidden = settings;
}

function edit(detail) {
  choose("settings.apply");
  base = detail.digest;
  $("text").value = detail.text;
  $("said").textContent = "这是驿站现在的设置。改几处，写上为什么，签名发出。不行的话驿站自己退回。";
  $("text").focus();
}

async function readThenEdit() {
  choose("settings.apply");
  const id = await send({ kind: "settings.read", data: {} }, "先读现在的设置");
  const until = Date.now() + READ_WITHIN_MS;
  while (id && Date.now() < until) {
    await new Promise((done) => setTimeout(done, 300));
    await show();
    const step = state.commands.find((each) => each.id === id)?.life.at(-1);
    if (step?.state === "done") return edit(step.detail);
    if (["failed", "refused", "expired"].includes(step?.state)) break;
  }
  $("said").textContent = "没有读到驿站的设置，看右边为什么。";
}

async function fillIn(kind, data) {
  if (kind === "settings.apply") return readThenEdit();
  choose(kind);
  const { rides } = await (await fetch("api/state")).json();
  const known = { now: new Date(), last, ride: rides.latest[0]?.ride };
  $("data").value = JSON.stringify(data(known), null, 1);
}

function written() {
  const kind = $("kind").value.trim();
  const data = kind === "settings.apply"
    ? { text: $("text").value, why: $("why").value.trim(), base }
    : JSON.parse($("data").value || "{}");
  return { station: $("station").value.trim(), kind, data, ttl_s: Number($("ttl").value), manner: "signed" };
}

async function send(change, word) {
  let form;
  try {
    form = { ...written(), ...change };
  } catch (error) {
    $("said").textContent = `内容不是 JSON：${error.message}`;
    return;
  }
  const answer = await post("api/commands", form);
  if (answer.id) last = answer.id;
  $("said").textContent = answer.id ? `${word}：发了，编号 …${answer.id.slice(-6)}。` : `没有发：${answer.error}`;
  return answer.id;
}

async function show() {
  state = await (await fetch("api/commands")).json();
  if (!$("station").value && state.stations.length) $("station").value = state.stations[0];
  const words = Object.entries(state.tally).map(([name, n]) => `${STATES[name][0]} ${number.format(n)}`);
  $("tally").textContent = words.join("，");
  fill("lives", state.commands, livesList);
  fill("enrolled", state.enrolled, (all) =>
    (all.length ? all.map(enrolledItem) : [el("li", { class: "soft" }, "还没有站登记。")]));
}

for (const [kind, word, data] of EXAMPLES) {
  if (WORDS.get(kind) === word) $("kinds").append(el("option", { value: kind }, word));
  $("examples").append(button(word, () => fillIn(kind, data)));
}
$("kind").addEventListener("input", () => choose($("kind").value.trim()));
for (const [word, change] of Object.values(WRONG)) {
  $("wrong").append(button(word, () => $("form").reportValidity() && send(change, word)));
}
$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send({}, "签名");
});
$("token").addEventListener("click", async () => {
  const station = $("station").value.trim();
  if (!$("form").reportValidity()) return;
  const answer = await post("api/tokens", { station });
  $("token-said").textContent = answer.token
    ? `${station} 的认领码：${answer.token}。在站上运行 yizhan enrol --claim ${answer.token}`
    : `没有发：${answer.error}`;
});

async function tick() {
  $("clock").textContent = new Date().toTimeString().slice(0, 5);
  try {
    await show();
  } catch {
    $("tally").textContent = "平台进程没有回答";
  }
}
setInterval(tick, 1000);
tick();
