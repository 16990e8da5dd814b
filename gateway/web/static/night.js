// Before the first paint: a reader who has not chosen gets what the screen says.
const page = document.documentElement;
if ("auto" in page.dataset) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => page.toggleAttribute("data-night", dark.matches);
  dark.addEventListener("change", follow);
  follow();
}
