// Shows a page of its own when the gateway can't be reached, and keeps that page's files. Nothing else is kept: every page,
// and all of /v1 and /api, comes from the gateway or not at all.
"use strict";

const KEPT = "offline-{{ version }}";
const FILES = {{ kept | tojson }};
const OFFLINE = FILES[0];

self.addEventListener("install", (event) => {
  // Without cookies: what is kept is the same for everybody.
  const asked = FILES.map((address) => new Request(address, { credentials: "omit", cache: "no-cache" }));
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(asked)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => names.filter((name) => name !== KEPT).map((name) => caches.delete(name)));
  event.waitUntil(old.then((gone) => Promise.all(gone)).then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const request = event.request;
  const address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== self.location.origin || /^\/(v1|v1beta|api)(\/|$)/.test(address.pathname)) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
  else if (FILES.indexOf(address.pathname + address.search) > 0) event.respondWith(fetch(request).catch(() => caches.match(request)));
});
