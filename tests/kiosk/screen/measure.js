// What is wrong with the screen that is shown: sizes and gaps in millimetres, overflow, reach.
() => {
  const mm = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--mm"));
  const faults = [];
  const root = document.documentElement;
  if (root.scrollHeight > innerHeight || root.scrollWidth > innerWidth) faults.push("scrolls");
  const within = (a, b) => a.left >= b.left - 1 && a.top >= b.top - 1 && a.right <= b.right + 1 && a.bottom <= b.bottom + 1;
  for (const box of document.querySelectorAll("main")) {
    if (box.scrollHeight > box.clientHeight + 2 || box.scrollWidth > box.clientWidth + 2)
      faults.push(`${box.tagName}.${box.className} overflows ${box.scrollWidth - box.clientWidth}x${box.scrollHeight - box.clientHeight}: ${box.textContent.trim().slice(0, 20)}`);
  }
  const main = document.querySelector("main").getBoundingClientRect();
  for (const part of document.querySelector("main").querySelectorAll("h1, p, li")) {
    if (!within(part.getBoundingClientRect(), main)) faults.push(`outside the board: ${part.textContent.trim().slice(0, 20)}`);
  }
  for (const key of document.querySelectorAll("button")) {
    const frame = key.getBoundingClientRect();
    if (frame.right > innerWidth || frame.bottom > innerHeight) faults.push(`${key.dataset.press} is cut off`);
    const range = document.createRange();
    for (const word of key.querySelectorAll("span:not(:has(span))")) {
      range.selectNodeContents(word);
      if (!within(range.getBoundingClientRect(), frame)) faults.push(`words beyond their key: ${word.textContent}`);
    }
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    if (!node.data.trim() || node.parentElement.closest("template")) continue;
    const size = parseFloat(getComputedStyle(node.parentElement).fontSize) / mm;
    if (size < 9.95) faults.push(`${size.toFixed(1)} mm: ${node.data.trim().slice(0, 20)}`);
  }
  const keys = [...document.querySelectorAll("button")].map((key) => ({ name: key.dataset.press, rect: key.getBoundingClientRect() }));
  for (const { name, rect } of keys) {
    const [w, h] = [rect.width / mm, rect.height / mm];
    const least = ["cancel", "confirm", "unsay"].includes(name) ? 40 : 25;
    if (w < least - 0.05 || h < least - 0.05) faults.push(`${name} is ${w.toFixed(1)} x ${h.toFixed(1)} mm`);
    if (name === "open:ride" && h < 59.9) faults.push(`${name} is only ${h.toFixed(1)} mm high`);
    const top = rect.top / mm;
    if (innerHeight > innerWidth && top < 261) faults.push(`${name} lies at ${top.toFixed(0)} mm, out of reach`);
  }
  for (const [place, one] of keys.entries()) for (const other of keys.slice(place + 1)) {
    const across = Math.max(other.rect.left - one.rect.right, one.rect.left - other.rect.right);
    const along = Math.max(other.rect.top - one.rect.bottom, one.rect.top - other.rect.bottom);
    const gap = Math.max(across, along) / mm;
    if (gap < 9.9) faults.push(`${gap.toFixed(1)} mm between ${one.name} and ${other.name}`);
  }
  const capitals = (element) => parseFloat(getComputedStyle(element).fontSize) / mm * 0.733;
  for (const plate of document.querySelectorAll(".car")) if (capitals(plate) < 25) faults.push(`plate of ${capitals(plate).toFixed(1)} mm`);
  return faults;
}
