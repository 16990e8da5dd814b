// The dispatcher's page: its rides once a second, and a button for each turn that a driver can take.
const MOODS = {
  accepts: ["接单", "ok", "s-ok", "接下每一单，过一会儿派车、到门口。"],
  refuses: ["没有车", "bad", "s-bad", "一口回绝。驿站去问下一家，都没有就请工作人员。"],
  silent: ["不回答", "away", "cloud-off", "接下请求，永远不回答。驿站到时间就不等了，并且撤掉这一单。"],
  late: ["迟到才接", "warn", "warning", "过了时限才说有车。驿站不要这辆车，告诉老人刚才没有叫成。"],
};
const STATES = {
  searching: ["在找司机", "wait", "s-wait"], assigned: ["派了车", "ok", "s-ok"], arrived: ["车到了", "ok", "s-ok"],
  boarded: ["上车了", "ok", "s-ok"], none: ["没有车", "bad", "s-bad"], cancelled: ["撤了", "away", "s-stale"],
  "driver-cancelled": ["司机取消", "warn", "warning"],
};
const TURNS = { assigned: "派车", arrived: "到门口", boarded: "上车", "driver-cancelled": "司机取消" };
const $ = (id) => document.getElementById(id);
let shown = "";

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function mark([word, look, icon]) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `icons.svg#${icon}`);
  svg.append(use);
  return el("span", { class: `st ${look}` }, svg, word);
}

function button(word, press, pressed) {
  const made = el("button", { class: "btn quiet", type: "button", "aria-pressed": pressed }, word);
  made.onclick = press;
  return made;
}

const post = (path, body) =>
  fetch(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } }).then(show);

function row([ride, known], live, whom) {
  const { plate = "", colour = "", brand = "", minutes } = known.car ?? {};
  const car = `${plate ? `${plate} ${colour} ${brand}，${minutes} 分钟` : "还没有车"}${whom ? `；乘客尾号 ${whom}` : ""}`;
  const item = el("li", {}, el("b", { class: "nb" }, ride), " ", mark(STATES[known.state] ?? [known.state, "", "s-wait"]), el("p", { class: "soft" }, car));
  if (live) {
    const turns = Object.entries(TURNS).filter(([state]) => state !== known.state);
    item.append(el("div", { class: "do" }, ...turns.map(([state, word]) => button(word, () => post("api/drive", { ride, state }), "false"))));
  }
  return item;
}

async function show() {
  const state = await (await fetch("api/state")).json();
  const now = JSON.stringify([state.mood, state.rides, state.live, state.passengers]);
  if (now === shown) return; // the focus stays where it is
  shown = now;
  $("mood").replaceChildren(mark(MOODS[state.mood]));
  $("says").textContent = MOODS[state.mood][3];
  for (const made of $("moods").children) made.setAttribute("aria-pressed", String(made.dataset.mood === state.mood));
  const rides = Object.entries(state.rides).reverse().slice(0, 20);
  $("rides").replaceChildren(
    ...(rides.length ? rides.map((ride) => row(ride, state.live.includes(ride[0]), state.passengers[ride[0]])) : [el("li", { class: "soft" }, "还没有人要车。到一体机上按一下 1 叫车。")]),
  );
}

for (const [mood, [word]] of Object.entries(MOODS)) {
  const made = button(word, () => post("api/mood", { mood }), "false");
  made.dataset.mood = mood;
  $("moods").append(made);
}
setInterval(() => show().catch(() => $("mood").replaceChildren(mark(["连不上", "bad", "s-bad"]))), 1000);
show();
