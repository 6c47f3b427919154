"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const map = L.map("map", { attributionControl: false, zoomSnap: 0.25, maxZoom: 18 });
const area = L.geoJSON(data.area, { interactive: false, style: { color: "#16352a", weight: 2.5, fill: false } });
const ground = area.getBounds();
for (const alert of data.alerts.features) {
  ground.extend(alert.properties.point);
}
map.fitBounds(ground.pad(0.04));
if (data.picture) {
  L.imageOverlay(data.picture.address, data.picture.bounds, { opacity: 0.9 }).addTo(map);
}
L.geoJSON(data.tiles, { interactive: false, style: tile => tile.properties.style }).addTo(map);
L.geoJSON(data.references, { interactive: false, style: line => line.properties.style }).addTo(map);
area.addTo(map);

function popup(properties) {
  const box = document.createElement("div");
  const title = box.appendChild(document.createElement("h2"));
  title.textContent = properties.title;
  const list = box.appendChild(document.createElement("dl"));
  for (const [name, value] of properties.facts) {
    list.appendChild(document.createElement("dt")).textContent = name;
    const text = document.createElement("bdi");
    text.textContent = value;
    list.appendChild(document.createElement("dd")).appendChild(text);
  }
  return box;
}

for (const alert of data.alerts.features.slice().reverse()) {
  const style = { color: alert.properties.colour, weight: 2, fillOpacity: 0.25 };
  const outline = L.geoJSON(alert, { style: style }).bindPopup(() => popup(alert.properties), { maxWidth: 320 });
  outline.addTo(map);
  if (!alert.properties.number) {
    L.circleMarker(alert.properties.point, { radius: 5, color: "#fff", weight: 1.5, fillColor: alert.properties.colour, fillOpacity: 1 })
      .bindPopup(() => popup(alert.properties), { maxWidth: 320 }).addTo(map);
    continue;
  }
  const mark = document.createElement("div");
  mark.className = "number";
  mark.style.background = alert.properties.colour;
  mark.textContent = alert.properties.number;
  const icon = L.divIcon({ html: mark, className: "", iconSize: [24, 24] });
  L.marker(alert.properties.point, { icon: icon, title: alert.properties.title })
    .bindPopup(() => popup(alert.properties), { maxWidth: 320 }).addTo(map);
}
L.control.scale({ imperial: false, maxWidth: 160 }).addTo(map);
