// The platform's page: asks /api/state once a second and writes what changed.

const LANES = {
  emergency: ["急", "紧急"],
  alarm: ["警", "报警"],
  service: ["事", "服务"],
  telemetry: ["数", "读数"],
};
const MOODS = {
  normal: ["恢复正常", "ok", "s-ok", "正常", "平台正常收数、存盘、回执。"],
  away: ["断开", "away", "cloud-off", "断开了", "平台挂断每一个连接。驿站照常存盘，等它回来。"],
  frozen: ["接了不回话", "bad", "s-wait", "不回话", "平台接下请求，永远不回答。"],
  refuses: ["拒收 500", "bad", "s-bad", "拒收", "平台对什么都答 500。"],
  busy: ["说忙 503", "warn", "warning", "忙", "平台答 503，请驿站过 2 秒再来。"],
  garbage: ["答乱码", "bad", "warning", "乱码", "平台答 200，内容是乱码。驿站不能当成回执。"],
  silent: ["答 200 没回执", "bad", "warning", "没回执", "平台答 200，但没有存，也没有回执。驿站不能删。"],
  forgetful: ["存了不回执", "warn", "warning", "丢回执", "平台存好以后断开。驿站会再送一遍，平台去重。"],
  slow: ["慢 3 秒", "wait", "s-wait", "慢", "平台每次过 3 秒才答。"],
};
const STATES = {
  issued: ["等驿站来取", "wait", "s-wait"],
  accepted: ["驿站收下了", "wait", "s-wait"],
  done: ["办好了", "ok", "s-ok"],
  sent: ["发出了，没法证实", "warn", "warning"],
  failed: ["没办成", "bad", "s-bad"],
  refused: ["驿站不办", "bad", "s-bad"],
  expired: ["过期了", "away", "s-stale"],
};
const WHY = {
  "journal.gap-quota": "存不下了",
  "journal.gap-history": "早已回执，不再保存",
  "journal.gap-damaged": "存储坏了",
  "upstream.rejected": "平台拒收过",
};
const RIDE_MOODS = { accepts: "接单", refuses: "没有车", silent: "不回答", late: "迟到才接" };
const RIDE_STATES = {
  searching: "在找司机", assigned: "派了车", arrived: "车到了", boarded: "上车了", none: "没有车",
  cancelled: "取消了", "driver-cancelled": "司机取消",
};
const TURNS = { assigned: "派车", arrived: "到了", boarded: "上车", "driver-cancelled": "司机取消" };
const KINDS = { ping: "问一声", "feed.replay": "重发" };

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("zh-CN");
let station = null;

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

const mark = (kind, picture, word) => el("span", { class: `st ${kind}` }, icon(picture), word);

// Rewrites a list only where its facts changed, so that focus and reading position stay.
const shown = new Map();
function fill(id, facts, draw) {
  const now = JSON.stringify(facts);
  if (shown.get(id) === now) return;
  shown.set(id, now);
  $(id).replaceChildren(...draw(facts));
}

function laneItem(lane) {
  const [plate, name] = LANES[lane.lane];
  const holes = lane.holes.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  return el("li", { class: "g3 flow" },
    el("b", { class: "plate x4" }, plate),
    el("div", {}, el("h2", {}, name),
      el("p", { class: "soft" }, `收到 ${number.format(lane.upto)}`),
      el("p", { class: "soft" }, lane.held.length ? `最新 ${number.format(lane.head)}，在补中间的` : ""),
      el("p", { class: "soft" }, `重复 ${number.format(lane.duplicates)}`)),
    el("p", { class: "min" }, el("b", {}, number.format(holes)), "条空缺"),
    el("p", { class: "min" }, el("b", {}, number.format(lane.lost)), "条报缺"));
}

function noLanes() {
  return [el("li", { class: "g12" }, "驿站一连上，这里就显示每条道收到第几条，中间有没有空缺。")];
}

function dataText(event) {
  const values = event.data && event.data.v;
  if (event.data && event.data.request) {
    const { number: printed, service, act, state, was, car, to } = event.data;
    return [printed, service, act, was && was !== state ? `${was} → ${state}` : state, car && car.plate, to]
      .filter(Boolean).join(" ");
  }
  if (!values) return JSON.stringify(event.data ?? "");
  return Object.entries(values).slice(0, 3).map(([point, value]) => `${point} ${value}`).join("，");
}

function latestTable(events) {
  if (!events.length) {
    return [el("div", { class: "empty" }, el("p", {}, "还没有收到。启动驿站以后，最新的十二条会出现在这里。"))];
  }
  const cell = (name, text, kind = "") => el("td", { "data-h": name, class: kind }, text);
  const rows = events.map((event) => el("tr", {},
    cell("道", LANES[event.lane][1]),
    cell("号", number.format(event.seq), "r"),
    cell("哪里", event.source.split("/").pop()),
    cell("内容", dataText(event)),
    cell("几点", event.time ? new Date(event.time).toTimeString().slice(0, 8) : "时间不明", "nb")));
  const head = ["道", "号", "哪里", "内容", "几点"].map((name, i) =>
    el("th", { scope: "col", class: i === 1 ? "r" : "" }, name));
  return [el("table", { class: "fold" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows))];
}

function commandItem(command) {
  const [word, kind, picture] = STATES[command.state];
  const detail = command.reason || (command.detail ? JSON.stringify(command.detail) : "");
  return el("li", {}, el("b", { class: "nb" }, KINDS[command.kind] ?? command.kind),
    mark(kind, picture, word), el("span", { class: "soft" }, detail));
}

function gapItem(gap) {
  return el("li", {}, el("b", { class: "nb" }, LANES[gap.lane][1]),
    el("span", { class: "nb" }, `${number.format(gap.from)} 到 ${number.format(gap.to)}`),
    el("span", { class: "soft" }, WHY[gap.why] ?? gap.why));
}

const orNone = (draw, text) => (items) =>
  items.length ? items.map(draw) : [el("li", { class: "soft" }, text)];

async function post(path, body) {
  await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await show();
}

function drawRideMoods(now) {
  return Object.entries(RIDE_MOODS).map(([mood, label]) => {
    const button = el("button", { class: "btn quiet nb", type: "button", "data-ride-mood": mood,
      "aria-pressed": mood === now }, mood === now ? icon("check") : "", label);
    button.addEventListener("click", () => post("api/rides/mood", { mood }));
    return button;
  });
}

function rideItem({ ride, state, car, live }) {
  const turns = Object.entries(live ? TURNS : {}).map(([turn, label]) => {
    const button = el("button", { class: "btn quiet nb", type: "button" }, label);
    button.addEventListener("click", () => post("api/rides/drive", { ride, state: turn }));
    return button;
  });
  return el("li", {}, el("b", { class: "nb" }, RIDE_STATES[state] ?? state),
    el("span", { class: "soft" }, [ride, car && car.plate].filter(Boolean).join(" ")), ...turns);
}

function drawMoods(mood) {
  const [, kind, picture, word, says] = MOODS[mood];
  $("mood-now").className = `st ${kind}`;
  $("mood-now").replaceChildren(icon(picture), word);
  $("mood-says").textContent = says;
  return Object.entries(MOODS).map(([name, [label]]) => {
    const button = el("button", {
      class: name === "normal" ? "btn nb" : "btn quiet nb", type: "button", "aria-pressed": name === mood,
    }, name === mood ? icon("check") : "", label);
    button.addEventListener("click", () => post("api/mood", { mood: name }));
    return button;
  });
}

function drawNewestFirst(on) {
  $("newest-first").setAttribute("aria-pressed", on);
  $("newest-first-says").textContent = on
    ? "回执里说收到了哪几段（held）。再连上时，驿站先送最新的，再补旧的。"
    : "驿站从旧到新送，补完旧的才看得到新的。";
  return on ? [icon("check"), "先收最新的"] : ["先收最新的"];
}

async function show() {
  const state = await (await fetch("api/state")).json();
  const last = state.latest[0] ?? state.lanes.at(-1);
  station = last ? last.station : null;
  const present = state.lanes.filter((lane) => last && lane.epoch === last.epoch);
  $("station").textContent = last ? `${last.station} · ${last.epoch}` : "还没有驿站来过";
  $("rate").textContent = number.format(state.rate);
  fill("lanes", present, (lanes) => (lanes.length ? lanes.map(laneItem) : noLanes()));
  fill("latest", state.latest, latestTable);
  fill("moods", state.mood, drawMoods);
  fill("newest-first", state.newest_first, drawNewestFirst);
  fill("ride-moods", state.rides.mood, drawRideMoods);
  fill("rides", state.rides.latest, orNone(rideItem, "还没有人向平台叫过车。"));
  fill("commands", state.commands, orNone(commandItem, "还没有下过命令。"));
  fill("gaps", state.gaps, orNone(gapItem, "没有缺口。"));
}

$("newest-first").addEventListener("click", () => post("api/newest-first",
  { newest_first: $("newest-first").getAttribute("aria-pressed") !== "true" }));
$("ping").addEventListener("click", () => station && post("api/commands", { station, kind: "ping" }));
async function tick() {
  $("clock").textContent = new Date().toTimeString().slice(0, 5);
  try {
    await show();
  } catch {
    $("mood-now").replaceChildren(icon("cloud-off"), "平台进程没有回答");
    shown.delete("moods");
  }
}
setInterval(tick, 1000);
tick();
