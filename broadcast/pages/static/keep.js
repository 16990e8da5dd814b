// What somebody has ticked or written on the page stays when the page is brought up to date.

const kept = new Map();  // id → value

const fields = "input[type=checkbox], select, textarea";

document.addEventListener("input", ({ target }) => {
  if (target.id && target.matches(fields)) kept.set(target.id, target.type === "checkbox" ? target.checked : target.value);
});

document.addEventListener("pulse", () => {
  for (const [id, value] of kept) {
    const field = document.getElementById(id);
    if (!field) continue;
    if (field.type === "checkbox") field.checked = value;
    else if (field !== document.activeElement) field.value = value;
  }
});
