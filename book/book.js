// Tables that can be sorted and filtered, and whose edge says that there is more. A table library would be twenty times
// the size of this, and knows neither "0.12 [0.10, 0.14]" nor a real minus.
"use strict";

function keyOf(cell) {
  const text = cell.textContent.trim().replace(/−/g, "-").replace(/,(?=\d{3})/g, "");
  const number = text.match(/^[-+]?\d+(\.\d+)?(e[-+]?\d+)?/);
  return number ? Number(number[0]) : text === "–" ? Infinity : text.toLowerCase();
}

function compare(one, other) {
  if (typeof one === typeof other) return one < other ? -1 : one > other ? 1 : 0;
  return typeof one === "number" ? -1 : 1;
}

function sortBy(table, column, header) {
  const down = header.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row.cells[column]), row]);
  rows.sort((one, other) => (down ? -1 : 1) * compare(one[0], other[0]));
  for (const [, row] of rows) table.tBodies[0].append(row);
}

function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "sort by this column";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sortBy(table, column, header));
  });
}

function filterable(scrolls, table) {
  const input = document.createElement("input");
  input.className = "filter form-control-sm";
  input.placeholder = "filter rows";
  input.setAttribute("aria-label", "filter the rows of this table");
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  scrolls.before(input);
}

function markEdge(scrolls) {
  const more = scrolls.scrollLeft + scrolls.clientWidth < scrolls.scrollWidth - 2;
  scrolls.classList.toggle("more", more);
}

document.addEventListener("DOMContentLoaded", () => {
  for (const scrolls of document.querySelectorAll(".scrolls")) {
    const table = scrolls.querySelector("table");
    if (scrolls.closest("figure.exhibit")) sortable(table);
    if (scrolls.closest("figure.exhibit details")) filterable(scrolls, table);
    for (const event of ["scroll", "pointerenter"]) scrolls.addEventListener(event, () => markEdge(scrolls));
    new ResizeObserver(() => markEdge(scrolls)).observe(scrolls);
  }
  // A link to an exhibit inside something folded opens it; so does paper.
  const open = (inside) => {
    for (let part = inside; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  };
  const target = () => open(document.getElementById(decodeURIComponent(location.hash.slice(1))));
  target();
  addEventListener("hashchange", target);
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll(".bd-article details:not(.records)")) part.open = true;
  });
});
