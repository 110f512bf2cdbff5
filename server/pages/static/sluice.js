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

  // The HTML that the server sent for each part of the page with an id that updates replace, before times are shown.
  const shown = new Map();
  for (const el of document.querySelectorAll("[hx-select-oob]")) {
    for (const part of document.querySelectorAll(el.getAttribute("hx-select-oob"))) shown.set(part.id, part.outerHTML);
  }
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

  // What is being used is not replaced by an update: a field with the focus, an open confirmation, and a button while a
  // key or the mouse is down. The page is updated afterwards.
  let pressed = null;
  let missed = null;
  const used = (el) => el.contains(pressed) || el.querySelector("details.confirm[open]") ||
    (el.contains(document.activeElement) && document.activeElement.matches("input, textarea, select"));
  const released = () => {
    if (!missed || used(missed.part)) return;
    refresh(missed.by);
    missed = null;
  };
  const listen = (names, listener) => {
    for (const name of names) document.addEventListener(name, listener, true);
  };
  listen(["keydown", "pointerdown"], (e) => { pressed = e.target; });
  listen(["keyup", "pointerup", "pointercancel"], () => { pressed = null; });
  window.addEventListener("blur", () => { pressed = null; });
  // After the click, the change of the focus or of the confirmation that the event brings.
  listen(["keyup", "pointerup", "pointercancel", "focusout", "toggle"], () => setTimeout(released));

  // The focus stays where it was, at a link or a button, when its part of the page is replaced.
  let focused = null;
  let by = null;
  const kept = "main a, main button, main summary";
  const key = (el) => [
    el.tagName, el.getAttribute("href"), el.closest("form")?.getAttribute("action"), el.textContent.trim(),
  ].join(" ");
  document.addEventListener("htmx:beforeSwap", (e) => {
    const el = document.activeElement;
    focused = el?.matches(kept) ? key(el) : null;
    by = e.detail.requestConfig.elt;
    if (!used(e.detail.target)) return;
    e.detail.shouldSwap = false;
    missed = { part: e.detail.target, by };
  });
  // A part of which the server says the same as before is not replaced either.
  document.addEventListener("htmx:oobBeforeSwap", (e) => {
    const { target, fragment } = e.detail;
    const html = fragment.firstElementChild?.outerHTML;
    if (shown.get(target.id) === html) {
      e.detail.shouldSwap = false;
    } else if (used(target)) {
      e.detail.shouldSwap = false;
      missed = { part: target, by };
    } else {
      shown.set(target.id, html);
    }
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (!focused || document.activeElement !== document.body) return;
    [...document.querySelectorAll(kept)].find((el) => key(el) === focused)?.focus({ preventScroll: true });
  });
  document.addEventListener("htmx:afterSettle", (e) => times(e.detail.elt.ownerDocument));

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
