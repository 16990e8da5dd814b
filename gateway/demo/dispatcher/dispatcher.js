// The dispatcher's page: its rides once a second, and a button for each turn that a driver can take.
const TURNS = { assigned: "派车", arrived: "到了", boarded: "上车", "driver-cancelled": "司机取消" };

const post = (path, body) =>
  fetch(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });

function row(ride, known, live) {
  const item = document.createElement("li");
  item.append(`${ride}：${known.state} ${known.car?.plate ?? ""} `);
  for (const [state, word] of live ? Object.entries(TURNS) : []) {
    const button = document.createElement("button");
    button.className = "btn quiet";
    button.textContent = word;
    button.onclick = () => post("api/drive", { ride, state }).then(show);
    item.append(button);
  }
  return item;
}

async function show() {
  const state = await (await fetch("api/state")).json();
  document.querySelector("#mood").textContent = document.querySelector(`[data-mood=${state.mood}]`).textContent;
  const rides = Object.entries(state.rides).reverse().slice(0, 20);
  document.querySelector("#rides").replaceChildren(...rides.map(([id, known]) => row(id, known, state.live.includes(id))));
}

for (const button of document.querySelectorAll("[data-mood]")) {
  button.onclick = () => post("api/mood", { mood: button.dataset.mood }).then(show);
}
setInterval(show, 1000);
show();
