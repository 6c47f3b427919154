"use strict";
(() => {
  const found = [];
  const name = element => `${element.tagName.toLowerCase()}${element.id ? "#" + element.id : ""}.${element.getAttribute("class") || ""} "${element.textContent.trim().slice(0, 30)}"`;
  const bad = (rule, element) => found.push(`${rule}: ${name(element)}`);
  const all = selector => Array.from(document.querySelectorAll(selector));
  const seen = element => element.getClientRects().length > 0 && getComputedStyle(element).visibility !== "hidden";
  const label = element => {
    const by = (element.getAttribute("aria-labelledby") || "").split(" ").map(id => document.getElementById(id)).filter(Boolean);
    return [element.getAttribute("aria-label"), ...by.map(one => one.textContent), element.getAttribute("title"),
      ...Array.from(element.labels || []).map(one => one.textContent), element.textContent, element.getAttribute("alt")]
      .find(text => text && text.trim()) || "";
  };

  if (!document.documentElement.lang) { bad("no language", document.documentElement); }
  if (!document.title.trim()) { bad("no title", document.documentElement); }
  if (all("main").length !== 1) { bad("not one main", document.body); }
  if (all("h1").length !== 1) { bad("not one h1", document.body); }
  if (/user-scalable=no|maximum-scale/.test(document.querySelector("meta[name=viewport]").content)) { bad("zoom is kept from readers", document.body); }

  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6").filter(seen)) {
    const now = Number(heading.tagName[1]);
    if (now > level + 1) { bad("heading skips a level", heading); }
    if (!heading.textContent.trim()) { bad("empty heading", heading); }
    level = now;
  }
  const ids = all("[id]").map(one => one.id);
  for (const one of all("[id]").filter(one => ids.indexOf(one.id) !== ids.lastIndexOf(one.id))) { bad("id twice", one); }
  for (const one of all("a[href^='#']:not([role=button])")) { if (!document.getElementById(one.hash.slice(1))) { bad("link to nothing", one); } }
  for (const one of all("img")) { if (one.getAttribute("alt") === null) { bad("picture without words", one); } }
  for (const one of all("svg")) {
    const hidden = one.closest("[aria-hidden=true]") || one.closest(".leaflet-pane, .leaflet-control");
    if (!hidden && !one.querySelector(":scope > title") && !one.getAttribute("aria-label")) { bad("drawing without words", one); }
  }
  for (const table of all("table")) {
    if (!table.caption || !table.caption.textContent.trim()) { bad("table without caption", table); }
    for (const head of table.querySelectorAll("th")) { if (!head.getAttribute("scope")) { bad("th without scope", head); } }
    for (const row of table.tBodies[0].rows) {
      if (row.cells.length > 1 && !row.querySelector("th[scope=row]")) { bad("row without head", row); }
    }
  }
  for (const list of all("ul, ol")) {
    for (const child of list.children) { if (child.tagName !== "LI") { bad("child of a list", child); } }
  }
  for (const list of all("dl")) {
    for (const child of list.children) { if (!["DT", "DD", "DIV"].includes(child.tagName)) { bad("child of a dl", child); } }
  }
  const reachable = all("a[href], button, input, select, textarea, summary, [tabindex='0']").filter(seen);
  for (const one of reachable) {
    if (!label(one)) { bad("control without name", one); }
    if (one.closest("[aria-hidden=true]")) { bad("hidden control", one); }
    const box = one.getBoundingClientRect();
    const inline = getComputedStyle(one).display === "inline";
    if (["BUTTON", "INPUT", "SELECT"].includes(one.tagName) && !inline && (box.width < 24 || box.height < 24)) { bad("small target", one); }
  }
  for (const one of all(".scroll")) {
    if (one.tabIndex !== 0 || !label(one)) { bad("scrolls by mouse alone", one); }
  }
  for (const one of all("[onclick], .leaflet-interactive")) {
    if (one.tagName === "DIV" && one.tabIndex < 0) { bad("mouse alone", one); }
  }
  for (const one of reachable) {
    one.focus();
    if (document.activeElement === one && one.matches(":focus-visible")) {
      const style = getComputedStyle(one);
      if (style.outlineStyle === "none" && style.boxShadow === "none") { bad("focus is not seen", one); }
    }
  }
  if (document.activeElement) { document.activeElement.blur(); }

  const parse = text => (text.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const luminance = ([red, green, blue]) => [red, green, blue].map(one => one / 255)
    .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, index) => sum + one * [0.2126, 0.7152, 0.0722][index], 0);
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((first, second) => first - second);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) { return colour; }
      if (colour[3] > 0) { return null; }
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const one = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || !seen(one) || one.closest("svg, script, style, option, .name")) { continue; }
    const style = getComputedStyle(one), ground = behind(one);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (ground && contrast(parse(style.color), ground) < (large ? 3 : 4.5)) { bad(`contrast ${contrast(parse(style.color), ground).toFixed(2)}`, one); }
  }
  for (const text of all("svg text")) {
    const shape = text.previousElementSibling;
    const shown = shape && shape.tagName === "path" && shape.getAttribute("fill");
    const over = shape && shape.getBoundingClientRect(), box = text.getBoundingClientRect();
    const on = over && box.left >= over.left && box.right <= over.right && box.top < over.bottom && over.top < box.bottom;
    if (on && shown && /^#/.test(shown) && !text.getAttribute("paint-order")) {
      const rgb = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
      const ink = text.getAttribute("fill");
      if (contrast(rgb(ink), rgb(shown)) < 4.5) { bad("contrast of a mark", text); }
    }
  }
  if (document.documentElement.scrollWidth > window.innerWidth + 1) { 
    for (const one of all("main *, header *, footer *").filter(one => one.getBoundingClientRect().right > window.innerWidth + 1)) { bad("wider than the screen", one); }
  }
  const answer = document.createElement("pre");
  answer.id = "accessibility-found";
  answer.textContent = JSON.stringify(found);
  document.body.appendChild(answer);
})();
