// A number or a voice that was revealed is hidden again: by this clock, and when the page is left.

const hide = () => {
  document.getElementById("voice")?.remove();
  const shown = document.querySelector("[data-hide-s]");
  if (!shown) return;
  shown.textContent = shown.dataset.masked;
  shown.removeAttribute("data-hide-s");
  document.getElementById("shown-text").textContent = "";
};

const shown = document.querySelector("[data-hide-s], [data-gone-s]")?.dataset;
const seconds = Number(shown?.hideS ?? shown?.goneS);
if (seconds) setTimeout(hide, seconds * 1000);
addEventListener("pagehide", hide);  // the browser may keep the page to go back to
