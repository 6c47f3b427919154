"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const map = L.map("map", { attributionControl: false, zoomControl: false, zoomSnap: 0.25, maxZoom: 18 });
const area = L.geoJSON(data.area, { interactive: false, style: { color: "#16352a", weight: 2.5, fill: false } });
const ground = area.getBounds();
for (const alert of data.alerts.features) {
  ground.extend(alert.properties.point);
}
let untouched = true;
for (const name of ["pointerdown", "wheel", "keydown"]) {
  document.addEventListener(name, () => { untouched = false; }, { once: true, capture: true, passive: true });
}
const fit = () => map.fitBounds(ground.pad(0.04), { animate: false });
fit();
map.on("resize", () => untouched && fit());
if (data.picture) {
  L.imageOverlay(data.picture.address, data.picture.bounds, { opacity: 0.9 }).addTo(map);
}
L.geoJSON(data.tiles, { interactive: false, style: tile => tile.properties.style }).addTo(map);
L.geoJSON(data.references, { interactive: false, style: line => line.properties.style }).addTo(map);
area.addTo(map);
const said = document.getElementById("said");

function drawing(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  return made;
}

function mark(about) {
  const side = about.number ? 28 : 14;
  const made = drawing("svg", { viewBox: "-2 -2 36 36", width: side, height: side, "aria-hidden": "true" });
  made.appendChild(drawing("path", { d: about.shape, fill: about.colour, stroke: "#fff", "stroke-width": 3 }));
  if (about.number) {
    const text = drawing("text", { x: 16, y: 21.5, "text-anchor": "middle", "font-size": 15, "font-weight": 700, fill: about.ink });
    made.appendChild(text).textContent = about.number;
  }
  return L.divIcon({ html: made, className: "mark", iconSize: [side, side] });
}

function popup(about) {
  const box = document.createElement("div");
  box.appendChild(document.createElement("h2")).textContent = about.title;
  const list = box.appendChild(document.createElement("dl"));
  for (const [name, value] of about.facts) {
    list.appendChild(document.createElement("dt")).textContent = name;
    const text = document.createElement("bdi");
    text.textContent = value;
    const fact = list.appendChild(document.createElement("dd"));
    if (about.address && value.startsWith(about.address.slice(4, about.address.indexOf("?")).replace(",", ", "))) {
      const link = fact.appendChild(document.createElement("a"));
      link.href = about.address;
      link.appendChild(text);
    } else {
      fact.appendChild(text);
    }
  }
  if (about.page) {
    const link = box.appendChild(document.createElement("a"));
    link.href = about.page;
    link.textContent = data.words.more;
  }
  return box;
}

const dashes = { provisional: "5 4", closed: "1 5" };
const shown = data.alerts.features.map(alert => {
  const about = alert.properties;
  const style = { color: about.colour, weight: 2, fillOpacity: 0.25, dashArray: dashes[about.status] || null };
  const made = () => popup(about);
  const point = L.marker(about.point, { icon: mark(about), title: about.title, riseOnHover: true });
  return { about: about, point: point, layers: [L.geoJSON(alert, { style: style }), point].map(one => one.bindPopup(made, { maxWidth: 320 })) };
});
for (const one of shown.slice().reverse()) {
  one.layers.forEach(layer => layer.addTo(map));
}

const names = [];
for (const name of data.names) {
  const text = document.createElement("span");
  text.textContent = name.text;
  text.style.color = name.ink;
  const icon = L.divIcon({ html: text, className: "name " + name.kind, iconSize: [0, 0] });
  L.marker(name.point, { icon: icon, interactive: false, keyboard: false, zIndexOffset: -1000 }).addTo(map);
  names.push(text);
}
function spread() {
  const boxes = Array.from(document.querySelectorAll(".mark"), one => one.getBoundingClientRect());
  for (const text of names) {
    const box = text.getBoundingClientRect();
    const hidden = boxes.some(one => one.left < box.right && box.left < one.right && one.top < box.bottom && box.top < one.bottom);
    text.style.visibility = hidden ? "hidden" : "";
    if (!hidden) {
      boxes.push(box);
    }
  }
}
map.on("zoomend resize", spread);
spread();

const rows = Array.from(document.querySelectorAll("[data-alert]"));
for (const button of rows) {
  button.addEventListener("click", () => {
    const one = shown[Number(button.dataset.alert)];
    map.setView(one.about.point, Math.max(map.getZoom(), 13));
    document.getElementById("map").scrollIntoView({ block: "nearest" });
    one.point.openPopup();
  });
}
map.on("popupopen", event => {
  const close = event.popup.getElement().querySelector(".leaflet-popup-close-button");
  if (close) {
    close.setAttribute("aria-label", data.words.close);
  }
});

function filter(form) {
  const kept = new FormData(form);
  let count = 0;
  for (const [index, one] of shown.entries()) {
    const about = one.about;
    const passes = ["status", "cause"].every(name => !kept.get(name) || kept.get(name) === about[name])
      && (!kept.get("zones") || about.zones.includes(kept.get("zones")))
      && (!kept.get("since") || about.day >= kept.get("since"))
      && (!kept.get("until") || (about.day !== "" && about.day <= kept.get("until")));
    one.layers.forEach(layer => passes ? layer.addTo(map) : layer.remove());
    rows[index].closest("tr").hidden = !passes;
    count += passes;
  }
  const words = data.words.count.replace("%(shown)s", count).replace("%(total)s", shown.length);
  document.getElementById("count").textContent = words;
}
const form = document.getElementById("filter");
if (form) {
  form.addEventListener("input", () => filter(form));
  form.addEventListener("reset", () => setTimeout(() => filter(form)));
  form.addEventListener("submit", event => event.preventDefault());
  filter(form);
}

let here = null;
const locate = L.control({ position: "topright" });
locate.onAdd = () => {
  const button = L.DomUtil.create("button", "locate");
  button.type = "button";
  button.textContent = data.words.locate;
  L.DomEvent.disableClickPropagation(button);
  button.addEventListener("click", () => map.locate({ setView: true, maxZoom: 14, enableHighAccuracy: true }));
  return button;
};
locate.addTo(map);
map.on("locationfound", event => {
  if (here) {
    here.remove();
  }
  here = L.layerGroup([
    L.circle(event.latlng, { radius: event.accuracy, color: "#1f6fb2", weight: 1.5, interactive: false }),
    L.circleMarker(event.latlng, { radius: 6, color: "#fff", fillColor: "#1f6fb2", fillOpacity: 1, interactive: false }),
  ]).addTo(map);
  said.textContent = data.words.here.replace("%(metres)s", Math.round(event.accuracy));
});
map.on("locationerror", () => {
  said.textContent = data.words.nowhere;
});
L.control.zoom({ zoomInTitle: data.words.nearer, zoomOutTitle: data.words.farther }).addTo(map);
L.control.scale({ imperial: false, maxWidth: 160 }).addTo(map);
