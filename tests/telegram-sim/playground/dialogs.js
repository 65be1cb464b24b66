// Dialogs, menus and short notes. All of them work by keyboard: Escape closes, arrows move, focus goes back.

import { by, forget, h, name } from "./dom.js";

const TOAST_MS = 5000;
/** Older ones make room. */
const MOST_TOASTS = 3;

/** A short note that goes by itself. */
export function toast(text) {
  const host = by("toasts");
  // Beside an open dialog it would be out of reach.
  (topDialog() ?? document.body).append(host);
  const note = h("div", { class: "toast", dir: "auto" }, text);
  host.append(note);
  while (host.children.length > MOST_TOASTS) host.firstElementChild.remove();
  setTimeout(() => note.remove(), TOAST_MS);
}

function topDialog() {
  return [...document.querySelectorAll("dialog[open]")].at(-1);
}

/** The bot's answer that wants to be read. */
export function alertFrom(from, text) {
  const ok = h("button", { type: "button", class: "primary", on: { click: () => dialog.close() } }, "OK");
  const dialog = h(
    "dialog",
    { role: "alertdialog", "aria-label": `${from} says`, class: "alert" },
    h("h2", {}, name(from)),
    h("p", { dir: "auto", class: "words" }, text),
    h("div", { class: "buttons" }, ok),
  );
  open(dialog);
  ok.focus();
}

function open(dialog) {
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    document.body.append(by("toasts"));
    dialog.remove();
    if (before?.isConnected) before.focus({ preventScroll: true });
  });
  // A click beside it closes it; its own padding is inside.
  dialog.addEventListener("mousedown", (event) => {
    const box = dialog.getBoundingClientRect();
    const inside =
      event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (event.target === dialog && !inside) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}

let updateOpen;

/** A dialog that follows the world while it is open: `draw(body, close)` is called again after every change. */
export function sheet(title, draw) {
  const body = h("div", { class: "body" });
  const close = () => dialog.close();
  const dialog = h(
    "dialog",
    { "aria-label": title, class: "sheet" },
    h("div", { class: "head" }, h("h2", {}, title), h("button", { type: "button", "aria-label": "Close", on: { click: close } }, "✕")),
    body,
  );
  updateOpen = () => draw(body, close);
  dialog.addEventListener("close", () => {
    forget(body);
    updateOpen = undefined;
  });
  updateOpen();
  open(dialog);
}

export function updateSheet() {
  updateOpen?.();
}

/**
 * A form in a dialog. A field is `{ name, label, type, value, required, options, hint }`; `send` gets the values and
 * keeps the dialog open by giving false.
 */
export function ask(title, fields, button, send) {
  const form = h("form", {}, fields.map(field), h("div", { class: "buttons" },
    h("button", { type: "button", on: { click: () => dialog.close() } }, "Cancel"),
    h("button", { type: "submit", class: "primary" }, button),
  ));
  const dialog = h("dialog", { "aria-label": title, class: "form" }, h("h2", {}, title), form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = {};
    for (const input of form.elements) {
      if (input.name) values[input.name] = input.type === "checkbox" ? input.checked : input.value.trim();
    }
    if ((await send(values)) !== false) dialog.close();
  });
  open(dialog);
}

let fieldCount = 0;

/** A labelled field; a group of checkboxes if it has `boxes`. */
export function field({ name, label, type = "text", value = "", required, options, hint, boxes, max, pattern, title }) {
  if (boxes) {
    return h("fieldset", {}, h("legend", {}, label), boxes.map((box) => field({ ...box, type: "checkbox" })));
  }
  fieldCount += 1;
  const id = `field-${fieldCount}`;
  if (type === "checkbox") {
    return h("label", { class: "check" }, h("input", { type, name, checked: value === true, id }), h("span", {}, label));
  }
  const input = options
    ? h("select", { name, id }, options.map((option) => h("option", { value: option.value, selected: option.value === value }, option.label)))
    : h("input", { type, name, id, value, required, maxlength: max, pattern, title, dir: "auto", autocomplete: "off" });
  return h("div", { class: "field" }, h("label", { for: id }, label), input, hint && h("p", { class: "hint" }, hint));
}

/** A menu at a button. An item is `{ label, run, danger, href, checked }`. */
export function menu(button, items, label = button.getAttribute("aria-label") ?? button.textContent) {
  const list = h("div", { role: "menu", class: "menu", popover: "auto", "aria-label": label }, items.map((item) => entry(item, list_close)));
  function list_close() {
    list.hidePopover();
  }
  list.addEventListener("toggle", (event) => {
    if (event.newState === "closed") {
      const back = list.contains(document.activeElement) || document.activeElement === document.body;
      list.remove();
      if (back && button.isConnected && !topDialogAbove(button)) button.focus({ preventScroll: true });
    }
  });
  list.addEventListener("keydown", (event) => move(list, event));
  // What is outside an open dialog cannot be reached, so the menu goes inside it.
  (button.closest("dialog") ?? document.body).append(list);
  list.showPopover();
  place(list, button);
  list.firstElementChild?.focus();
}

function topDialogAbove(button) {
  const top = topDialog();
  return top !== undefined && !top.contains(button);
}

function entry({ label, run, danger, href, checked, hint }, close) {
  const props = {
    role: checked === undefined ? "menuitem" : "menuitemcheckbox",
    "aria-checked": checked === undefined ? undefined : String(checked),
    class: danger ? "danger" : undefined,
    tabindex: "-1",
  };
  const words = [h("span", { dir: "auto" }, label), hint && h("small", { dir: "auto" }, hint)];
  if (href) return h("a", { ...props, href, target: "_blank", rel: "noopener" }, words);
  const pick = () => {
    close();
    run();
  };
  return h("button", { ...props, type: "button", on: { click: pick } }, words);
}

function move(list, event) {
  const items = [...list.children];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    items.at(to % items.length)?.focus();
  } else if (event.key === "Tab") {
    list.hidePopover();
  }
}

function place(list, button) {
  const at = button.getBoundingClientRect();
  const margin = 8;
  const left = Math.min(at.left, innerWidth - list.offsetWidth - margin);
  const below = at.bottom + 4;
  const top = below + list.offsetHeight > innerHeight - margin ? at.top - list.offsetHeight - 4 : below;
  list.style.left = `${Math.max(margin, left)}px`;
  list.style.top = `${Math.max(margin, top)}px`;
}
