// Lets a person see what they type. It is more than a comfort: browsers switch input methods off in
// a field that hides its text, so a phrase in Chinese cannot be typed into one.
for (const tick of document.querySelectorAll("[data-show]")) {
  const box = tick.querySelector("input");
  const fields = [...box.form.querySelectorAll("input[type=password]")];
  const show = (shown) => fields.forEach((field) => { field.type = shown ? "text" : "password"; });
  box.addEventListener("change", () => show(box.checked));
  box.form.addEventListener("submit", () => show(false));
  tick.hidden = false;
}
