"use strict";
/* files */
const prefix = "selvawatch " + self.registration.scope + " ";
const name = prefix + version;
const list = new URL("precached.json", self.registration.scope).href;

async function keep() {
  const cache = await caches.open(name);
  const before = new Map();
  for (const other of await caches.keys()) {
    if (other.startsWith(prefix) && other !== name) {
      const old = await caches.open(other);
      const known = await old.match(list);
      for (const [path, digest] of Object.entries(known ? await known.json() : {})) {
        before.set(path + " " + digest, old);
      }
    }
  }
  const paths = Object.entries(files);
  const next = async () => {
    for (let one = paths.pop(); one; one = paths.pop()) {
      const [path, digest] = one;
      const address = new URL(path, self.registration.scope).href;
      const old = before.get(path + " " + digest);
      const kept = await cache.match(address) || old && await old.match(address);
      const got = kept || await fetch(address, { cache: "no-cache" });
      if (!got.ok) {
        throw new Error(path + ": " + got.status);
      }
      await cache.put(address, got.redirected ? new Response(await got.blob(), { headers: got.headers }) : got);
    }
  };
  await Promise.all([next(), next(), next(), next(), next(), next()]);
  await cache.put(list, new Response(JSON.stringify(files)));
}

async function clear() {
  for (const other of await caches.keys()) {
    if (other.startsWith(prefix) && other !== name) {
      await caches.delete(other);
    }
  }
  await self.clients.claim();
}

async function answer(request) {
  const address = new URL(request.url);
  address.search = "";
  address.hash = "";
  if (address.pathname.endsWith("/")) {
    address.pathname += "index.html";
  }
  const cache = await caches.open(name);
  return await cache.match(address.href) || await cache.match(address.href + ".html") || fetch(request);
}

self.addEventListener("install", event => event.waitUntil(keep().then(() => self.skipWaiting())));
self.addEventListener("activate", event => event.waitUntil(clear()));
self.addEventListener("fetch", event => {
  if (event.request.method === "GET" && event.request.url.startsWith(self.registration.scope)) {
    event.respondWith(answer(event.request));
  }
});
