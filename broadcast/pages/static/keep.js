// What somebody has ticked or written on the page stays when the page is brought up to date.

const kept = new Map();  // id → value

const fields = "input[type=checkbox], select, textarea";

const keep = (field) => kept.set(field.id, field.type === "checkbox" ? field.checked : field.value);

// A form that was refused comes back with what was typed: nobody will type it again.
if (document.querySelector("[data-typed]")) {
  for (const field of document.querySelectorAll(fields)) if (field.id) keep(field);
}

document.addEventListener("input", ({ target }) => {
  if (target.id && target.matches(fields)) keep(target);
});

document.addEventListener("pulse", () => {
  for (const [id, value] of kept) {
    const field = document.getElementById(id);
    if (!field) continue;
    if (field.type === "checkbox") field.checked = value;
    else if (field !== document.activeElement) field.value = value;
  }
});
