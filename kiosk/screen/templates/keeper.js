// Keeps one page, for when the station is not there: never a browser's error. Nothing else is kept.
const kept = KEPT;
const store = "away";

self.addEventListener("install", (event) => {
  const fresh = kept.map((address) => new Request(address, { cache: "reload" }));
  event.waitUntil(caches.open(store).then((cache) => cache.addAll(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const path = new URL(request.url).pathname;
  if (request.method !== "GET" || path.startsWith("/api/")) return;
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match("/kiosk/away")));
  } else if (kept.includes(path)) {
    event.respondWith(fetch(request).catch(() => caches.match(path)));
  }
});
