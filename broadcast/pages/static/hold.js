// A button that is held: `data-hold` fires after as long as `--hold` says, by finger or by Enter.
//
// Letting go early does nothing. A click that no finger and no key has begun (a screen reader's)
// goes through as it is; where it matters, the station asks once more.

const HOLD_MS = 1200;
let held = null;  // the button, its timer, and whether it was begun by hand

const busy = (on) => on ? (document.body.dataset.busy = "hold") : delete document.body.dataset.busy;

function begin(button, key) {
  if (held) return;
  busy(true);
  button.classList.add("held");
  held = { button, key, timer: setTimeout(() => fire(button), HOLD_MS) };
}

function end() {
  if (!held) return;
  clearTimeout(held.timer);
  held.button.classList.remove("held");
  held = null;
  busy(false);
}

function fire(button) {
  end();
  if (button.hasAttribute("data-held")) {
    const said = document.createElement("input");
    said.type = "hidden";
    said.name = "held";
    said.value = "1";
    button.form.append(said);
  }
  passes = true;
  button.form.requestSubmit(button);
}

let passes = false;
let byHand = false;

const holdOf = (event) => event.target.closest?.("[data-hold]");

addEventListener("pointerdown", (event) => {
  const button = holdOf(event);
  byHand = Boolean(button);
  if (button && event.button === 0) begin(button, null);
}, { capture: true });
for (const over of ["pointerup", "pointercancel", "blur"]) addEventListener(over, () => held?.key === null && end());
addEventListener("keydown", (event) => {
  const button = holdOf(event);
  if (!button || !["Enter", " "].includes(event.key)) return;
  event.preventDefault();
  byHand = true;
  if (!event.repeat) begin(button, event.key);
}, { capture: true });
addEventListener("keyup", (event) => {
  if (held?.key === event.key) end();
  if (holdOf(event)) event.preventDefault();
}, { capture: true });
addEventListener("click", (event) => {
  if (!holdOf(event) || passes || !byHand) return;
  byHand = false;
  event.preventDefault();
}, { capture: true });
addEventListener("contextmenu", (event) => holdOf(event) && event.preventDefault());
