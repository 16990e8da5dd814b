// The page of commands: sends what it is told to, and once a second shows what became of it.

const EXAMPLES = {
  ping: ["问一声", {}],
  "clock.offset": ["对表", { at: "现在" }],
  "feed.replay": ["重发一段", { lane: "telemetry", from: 1, to: 100 }],
  "device.write": ["写设备", { device: "di-b3", point: "relay", value: true }],
  "key.rotate": ["换钥匙", {}],
  "settings.read": ["读设置", {}],
  "settings.apply": ["改设置", { text: "schema = 1\n…", why: "…" }],
  "command.cancel": ["撤回", { of: "上一条" }],
  "broadcast.play": ["播放", { zones: ["all"], class: "emergency", preset: "smoke" }],
  "broadcast.stop": ["停播", { zones: ["all"] }],
};
const WRONG = {
  unsigned: ["不签名", { manner: "unsigned" }],
  forged: ["别人签的", { manner: "forged" }],
  late: ["已经作废", { ttl_s: -1 }],
  brief: ["两秒作废", { ttl_s: 2 }],
  elsewhere: ["写着别的站", { names: "balizhuang-02" }],
  twice: ["发两遍", { times: 2 }],
  large: ["一兆大", { pad_bytes: 1048576 }],
  unknown: ["没有的命令", { kind: "coffee.make" }],
  flood: ["一万条", { count: 10000 }],
};
const MANNERS = {
  signed: "签名", unsigned: "没签名", forged: "别人签的", late: "已作废",
  elsewhere: "写着别的站", twice: "发两遍", large: "一兆大",
};
const STATES = {
  sent: ["平台写好", "done"],
  accepted: ["驿站收下", "now"],
  done: ["办好了", "done"],
  failed: ["没办成", "shut"],
  refused: ["不办", "shut"],
  expired: ["过期，没办", "shut"],
  duplicate: ["又来一遍，没重办", "done"],
};
const WHY = {
  "inbox.unsigned": "没有签名", "inbox.forged": "签名不对", "inbox.expired": "过期了",
  "inbox.wrong-station": "不是给本站的", "inbox.unavailable": "不会办这一种",
  "inbox.too-large": "太大", "inbox.malformed": "看不懂", "inbox.busy": "太多，没收",
  "inbox.no-key": "驿站没有平台的公钥", "inbox.interrupted": "办到一半重启了",
  "inbox.forgotten": "太旧，不记得了", "inbox.cancelled": "被撤回", "inbox.too-late": "撤不回了",
  "inbox.unknown-command": "没收到过那一条", "bus.no-point": "没有这个设备或点",
};

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("zh-CN");
let last = null;

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

function stepItem(step, at, life) {
  const [word, stop] = STATES[step.state];
  const past = stop === "now" && at < life.length - 1;
  const manner = step.reason.split(" ").map((each) => MANNERS[each]).join("，");
  const why = step.state === "sent" ? manner : WHY[step.reason] ?? step.reason;
  const detail = step.detail && step.state !== "duplicate" ? JSON.stringify(step.detail) : "";
  return el("li", { class: past ? "done" : stop }, el("b", {}, word),
    el("p", { class: "soft" }, [time(step.came_ms), why, detail].filter(Boolean).join(" · ")));
}

function lifeItem(command) {
  const [word] = EXAMPLES[command.kind] ?? ["别的命令"];
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

function written() {
  const kind = $("kind").value.trim();
  const data = JSON.parse($("data").value || "{}");
  if (kind === "clock.offset" && data.at === "现在") data.at = new Date().toISOString();
  if (kind === "command.cancel" && data.of === "上一条") data.of = last;
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
}

async function show() {
  const state = await (await fetch("api/commands")).json();
  if (!$("station").value && state.stations.length) $("station").value = state.stations[0];
  const words = Object.entries(state.tally).map(([name, n]) => `${STATES[name][0]} ${number.format(n)}`);
  $("tally").textContent = words.join("，");
  fill("lives", state.commands, livesList);
  fill("enrolled", state.enrolled, (all) =>
    (all.length ? all.map(enrolledItem) : [el("li", { class: "soft" }, "还没有站登记。")]));
}

for (const [kind, [word, data]] of Object.entries(EXAMPLES)) {
  $("kinds").append(el("option", { value: kind }, word));
  $("examples").append(button(word, () => {
    $("kind").value = kind;
    $("data").value = JSON.stringify(data, null, 1);
  }));
}
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
