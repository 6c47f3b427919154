"use strict";
{
  const root = new URL("../", document.currentScript.src);
  const status = document.getElementById("site-status");

  function value(row, column) {
    const cell = row.cells[column];
    const text = (cell && (cell.dataset.value || cell.textContent) || "").trim();
    const number = parseFloat(text.replace(/[,\s\u00a0<]/g, ""));
    return { text: text, number: /^[<\s\u00a0]*[-\u2212]?[\d,.]+([\s\u00a0%\u2013].*)?$/.test(text) ? number : NaN };
  }

  function compare(one, other) {
    if (!Number.isNaN(one.number) && !Number.isNaN(other.number)) {
      return one.number - other.number;
    }
    return one.text.localeCompare(other.text, document.documentElement.lang, { numeric: true });
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const rows = body ? Array.from(body.rows) : [];
    const heads = table.tHead ? Array.from(table.tHead.rows[0].cells) : [];
    if (rows.length < 2 || rows.some(row => row.cells.length !== heads.length)) {
      return;
    }
    for (const [column, head] of heads.entries()) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const order = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort") || "none"];
        for (const one of heads) {
          one.removeAttribute("aria-sort");
        }
        const sorted = rows.slice();
        if (order !== "none") {
          head.setAttribute("aria-sort", order);
          const sign = order === "ascending" ? 1 : -1;
          const values = new Map(rows.map(row => [row, value(row, column)]));
          sorted.sort((one, other) => {
            const [first, second] = [values.get(one), values.get(other)];
            if (first.text === "" || second.text === "") {
              return (first.text === "") - (second.text === "");
            }
            return sign * compare(first, second);
          });
        }
        body.append(...sorted);
      });
    }
  }

  document.querySelectorAll("main table").forEach(sortable);

  if (location.protocol.startsWith("http")) {
    const link = document.createElement("link");
    link.rel = "manifest";
    link.href = new URL("site.webmanifest", root).href;
    document.head.append(link);
  }
  if (location.protocol.startsWith("http") && "serviceWorker" in navigator) {
    let known = Boolean(navigator.serviceWorker.controller);
    navigator.serviceWorker.addEventListener("controllerchange", () => {
      if (known) {
        status.textContent = status.dataset.newer;
      }
      known = true;
    });
    navigator.serviceWorker.register(new URL("sw.js", root).href, { scope: root.href, updateViaCache: "none" })
      .then(() => navigator.serviceWorker.ready)
      .then(() => {
        document.documentElement.dataset.offline = "ready";
        if (!status.textContent) {
          status.textContent = status.dataset.kept;
        }
      })
      .catch(() => { document.documentElement.dataset.offline = "none"; });
  }
}
