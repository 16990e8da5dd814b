// The number on a tab's plate is its key, wherever nothing is being typed.
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  if (/^[0-9]$/.test(event.key)) document.querySelector(`.tabs [data-key="${event.key}"]`)?.click();
});
