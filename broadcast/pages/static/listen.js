// Hear here: one sound at a time, which goes on while the page is brought up to date.

const sound = new Audio();
let href = null;

const links = () => document.querySelectorAll("a[data-listen]");

function show() {
  for (const link of links()) {
    const on = link.href === href && !sound.paused;
    link.setAttribute("aria-pressed", String(on));
    link.setAttribute("role", "button");
    link.classList.toggle("is-voice", on);
    link.classList.toggle("quiet", !on);
  }
  const said = document.getElementById("listening");
  if (!said) return;
  const link = [...links()].find((each) => each.href === href);
  const word = !link || sound.paused ? "" : sound.readyState < 3 ? said.dataset.wait : said.dataset.on;
  const text = word.replace("{zone}", link?.getAttribute("aria-label") ?? "");
  if (said.textContent !== text) said.textContent = text;
}

function stop() {
  sound.pause();
  sound.removeAttribute("src");
  sound.load();
  href = null;
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-listen]");
  if (!link) return;
  event.preventDefault();
  const again = link.href === href && !sound.paused;
  stop();
  if (!again) {
    href = link.href;
    sound.src = href;
    try {
      await sound.play();
    } catch {
      stop();
    }
  }
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
