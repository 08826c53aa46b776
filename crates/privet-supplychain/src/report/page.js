"use strict";
(() => {
  const form = document.getElementById("filters");
  const groups = document.getElementById("groups");
  if (!form || !groups) return;
  const field = (name) => document.getElementById(name);
  const all = Array.from(groups.querySelectorAll(".finding"));
  const words = new Map(all.map((one) => [one, one.textContent.toLowerCase()]));
  let grouped = "path";

  function regroup(by) {
    const lists = new Map();
    for (const one of all) {
      const key = one.dataset[by];
      if (!lists.has(key)) lists.set(key, []);
      lists.get(key).push(one);
    }
    const sorted = Array.from(lists).sort((a, b) => (a[0] < b[0] ? -1 : 1));
    const sections = sorted.map(([key, list]) => {
      const section = document.createElement("section");
      section.className = "group";
      const head = document.createElement("h3");
      const count = document.createElement("span");
      count.className = "dim";
      head.append(key + " ", count);
      const ol = document.createElement("ol");
      ol.append(...list);
      section.append(head, ol);
      return section;
    });
    groups.classList.toggle("by-rule", by === "rule");
    groups.replaceChildren(...sections);
    grouped = by;
  }

  function apply() {
    const category = field("category").value;
    const severity = Number(field("severity").value);
    const path = field("path").value.toLowerCase();
    const text = field("words").value.toLowerCase();
    if (field("group").value !== grouped) regroup(field("group").value);
    let shown = 0;
    for (const one of all) {
      const fits = (!category || one.dataset.category === category)
        && Number(one.dataset.severity) >= severity
        && one.dataset.path.toLowerCase().includes(path)
        && words.get(one).includes(text);
      one.hidden = !fits;
      if (fits) shown += 1;
    }
    for (const section of groups.querySelectorAll(".group")) {
      const left = section.querySelectorAll(".finding:not([hidden])").length;
      section.hidden = left === 0;
      section.querySelector("h3 .dim").textContent = String(left);
    }
    field("shown").textContent = shown + " of " + all.length + " shown";
  }

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply, 0));
  form.hidden = false;
  apply();
})();
