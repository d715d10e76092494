"use strict";

/* Without this script the report can be read as it is: the filter stays hidden, and every row is there. */

function filterRows(form, rows) {
  const wanted = new FormData(form);
  const words = wanted.get("text").toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const fits = ["outcome", "category", "level"].every((name) => !wanted.get(name) || row.dataset[name] === wanted.get(name));
    const text = row.textContent.toLowerCase();
    row.hidden = !(fits && words.every((word) => text.includes(word)));
    shown += row.hidden ? 0 : 1;
  }
  form.querySelector("[role=status]").textContent = `${shown} of ${rows.length} shown`;
}

for (const form of document.querySelectorAll("form[data-filters]")) {
  const rows = document.getElementById(form.dataset.filters).tBodies[0].rows;
  const filter = () => filterRows(form, rows);
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  for (const tile of document.querySelectorAll("a[data-outcome]")) {
    tile.addEventListener("click", () => {
      form.reset();
      form.elements.outcome.value = tile.dataset.outcome;
      setTimeout(filter);
    });
  }
  form.hidden = false;
  filter();
}

for (const again of navigator.clipboard ? document.querySelectorAll(".again") : []) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(again.querySelector("pre").textContent);
    button.textContent = "Copied";
  });
  again.prepend(button);
}
