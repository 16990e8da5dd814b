// What a person can send at a click: the kinds of command with data that mean something in the
// demo, and the ways in which one can be wrong.

const CAP = (now) => `<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>demo-${now.getTime()}</identifier><sender>demo@example.cn</sender><sent>${now.toISOString().slice(0, 19)}+00:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope><info><language>zh-CN</language><event>大风</event><urgency>Expected</urgency><severity>Moderate</severity><certainty>Likely</certainty><headline>大风蓝色预警</headline><instruction>请关好门窗，收好阳台上的花盆。</instruction></info></alert>`;

// A gong of half a second, as a WAV file of 8 kHz and 8 bits.
function GONG() {
  const rate = 8000, long = rate / 2, bytes = new Uint8Array(44 + long), view = new DataView(bytes.buffer);
  const words = [[0, "RIFF"], [8, "WAVEfmt "], [36, "data"]];
  for (const [at, word] of words) [...word].forEach((sign, n) => view.setUint8(at + n, sign.charCodeAt(0)));
  const numbers = [[4, 36 + long], [16, 16], [24, rate], [28, rate], [40, long]];
  for (const [at, number] of numbers) view.setUint32(at, number, true);
  for (const [at, number] of [[20, 1], [22, 1], [32, 1], [34, 8]]) view.setUint16(at, number, true);
  for (let n = 0; n < long; n++) bytes[44 + n] = 128 + 100 * Math.exp((-4 * n) / long) * Math.sin((n / rate) * 2 * Math.PI * 660);
  return btoa(String.fromCharCode(...bytes));
}

// Kind, word, and the data by what is known now: { now, last, ride }.
export const EXAMPLES = [
  ["ping", "问一声", () => ({})],
  ["clock.offset", "对表", ({ now }) => ({ at: now.toISOString() })],
  ["feed.replay", "重发一段", () => ({ lane: "telemetry", from: 1, to: 100 })],
  ["device.write", "写设备", () => ({ device: "relay-hall", point: "relay-1", value: true })],
  ["device.replaced", "换表", () => ({ device: "em-b3" })],
  ["key.rotate", "换钥匙", () => ({})],
  ["settings.read", "读设置", () => ({})],
  ["settings.apply", "改设置", () => ({ text: "", why: "" })],
  ["command.cancel", "撤回", ({ last }) => ({ of: last ?? "上一条的编号" })],
  ["broadcast.play", "播放", () => ({ zones: ["b3"], text: "三号楼的居民请注意，下午两点停水检修。", class: "notice" })],
  ["broadcast.play", "紧急广播", () => ({ zones: ["b3"], class: "emergency", preset: "smoke" })],
  ["broadcast.cap", "播预警", ({ now }) => ({ zones: ["b3"], repeat: 1, xml: CAP(now) })],
  ["broadcast.record", "配录音", () => ({ text: "三号楼的居民请注意，下午两点停水检修。", sound: GONG() })],
  ["broadcast.stop", "停播", () => ({ zones: ["all"] })],
  ["ride.update", "车到哪了", ({ ride }) => ({ ride: ride ?? "叫车的编号", state: "arrived" })],
  ["work.update", "回报修", () => ({ request: "报修的编号", act: "reply", reply: "师傅明天上午来" })],
];

export const WRONG = {
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
