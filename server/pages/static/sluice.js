"use strict";
// Everything here is in addition: the pages work without it.
(() => {
  const form = new Intl.DateTimeFormat(undefined, {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
  });
  const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const ago = (at) => {
    const seconds = Math.round((at - Date.now()) / 1000);
    const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units.at(-1);
    return relative.format(Math.trunc(seconds / size), unit);
  };

  // Times are shown in the zone of the viewer; their title has them in UTC.
  const times = (root) => {
    for (const el of root.querySelectorAll("time[datetime]")) {
      const at = new Date(el.dateTime);
      if (!Number.isNaN(at.getTime())) {
        el.textContent = el.classList.contains("ago") ? ago(at) : form.format(at);
      }
    }
  };
  times(document);
  setInterval(() => times(document), 30000);

  // Events of a stream refresh a page: the first one of a burst at once, others once a second, the last one always.
  const waiting = new WeakMap();
  const refresh = (el) => {
    if (waiting.has(el)) {
      waiting.set(el, true);
      return;
    }
    waiting.set(el, false);
    window.htmx.trigger(el, "refresh");
    setTimeout(() => {
      const again = waiting.get(el);
      waiting.delete(el);
      if (again) refresh(el);
    }, 1000);
  };
  document.addEventListener("htmx:sseBeforeMessage", (e) => {
    e.preventDefault();
    refresh(e.target);
  });

  // A part of a page that is being used is not replaced by an update.
  const used = (el) => el.querySelector("details.confirm[open]") || (el.contains(document.activeElement) &&
    document.activeElement.matches("input, textarea, select"));
  document.addEventListener("htmx:beforeSwap", (e) => { if (used(e.detail.target)) e.detail.shouldSwap = false; });
  // Nor is one of which the server says the same as before.
  const shown = new Map();
  document.addEventListener("htmx:oobBeforeSwap", (e) => {
    const { target, fragment } = e.detail;
    const html = fragment.firstElementChild?.outerHTML;
    if (used(target) || shown.get(target.id) === html) {
      e.detail.shouldSwap = false;
      return;
    }
    shown.set(target.id, html);
  });
  document.addEventListener("htmx:afterSettle", (e) => times(e.detail.elt.ownerDocument));

  // The focus stays where it was, at a link or a button, when its part of the page is replaced.
  let focused = null;
  const kept = "main a, main button, main summary";
  const key = (el) => [
    el.tagName, el.getAttribute("href"), el.closest("form")?.getAttribute("action"), el.textContent.trim(),
  ].join(" ");
  document.addEventListener("htmx:beforeSwap", () => {
    const el = document.activeElement;
    focused = el?.matches(kept) ? key(el) : null;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (!focused || document.activeElement !== document.body) return;
    [...document.querySelectorAll(kept)].find((el) => key(el) === focused)?.focus({ preventScroll: true });
  });

  // Filters apply when they change.
  document.addEventListener("change", (e) => {
    const filters = e.target.closest("form.filters");
    if (filters && e.target.matches("select, input[type=checkbox], input[type=date]")) filters.requestSubmit();
  });

  // A file may be dropped onto its field.
  for (const drop of document.querySelectorAll(".drop")) {
    const input = drop.querySelector("input[type=file]");
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (e) => { e.preventDefault(); drop.classList.add("over"); });
    }
    for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
    drop.addEventListener("drop", (e) => { e.preventDefault(); input.files = e.dataTransfer.files; });
  }

  // Text to copy.
  document.addEventListener("click", (e) => {
    const button = e.target.closest("button[data-copy]");
    if (!button) return;
    const from = document.getElementById(button.dataset.copy);
    navigator.clipboard.writeText(from.textContent).then(() => { button.textContent = "Copied"; });
  });
})();
