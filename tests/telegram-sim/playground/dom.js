// Builds and updates the page. Text goes in as text only: nothing that people or bots write is ever parsed.

/** An element. `props` are attributes; `on` holds listeners; children are elements, strings, or nothing. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else {
      element.setAttribute(name, String(value));
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** A name of somebody or something, kept apart from the words around it whatever script it is in. */
export function name(text, props = {}) {
  return h("bdi", props, seen(text));
}

/** A name that can be seen: some are made of nothing but characters that show nothing. */
const seen = (text) => /^[\s\p{C}\p{M}\u115F\u1160\u2800\u3164\uFFA0]*$/u.test(text ?? "") ? "(no name)" : text;

/** A name for where there can be no elements; one that could turn the words around it is fenced in. */
export function plainName(text) {
  const shown = seen(text);
  return /[\u200E\u200F\u202A-\u202E\u2066-\u2069]|\p{Script=Arabic}|\p{Script=Hebrew}/u.test(shown) ? `\u2068${shown}\u2069` : shown;
}

export const by = (id) => document.getElementById(id);

const signatures = new WeakMap();

/** Puts `fresh` in the place of `old`, and the focus where it was. */
function swap(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement.closest("[data-f]")?.dataset.f : undefined;
  old.replaceWith(fresh);
  if (focused !== undefined) refocus(fresh, focused);
}

function refocus(within, mark) {
  const places = [within, ...within.querySelectorAll("[data-f]")];
  places.find((place) => place.dataset.f === mark)?.focus({ preventScroll: true });
}

/** Makes the children of `parent` those of `items`: what stays the same stays the same element. */
export function sync(parent, items, { key, signature = JSON.stringify, build }) {
  const wanted = new Map(items.map((item) => [String(key(item)), item]));
  const there = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(child.dataset.key)) there.set(child.dataset.key, child);
    else child.remove();
  }
  let place = parent.firstElementChild;
  for (const [id, item] of wanted) {
    const sign = signature(item);
    let element = there.get(id);
    if (!element || signatures.get(element) !== sign) {
      const fresh = build(item);
      fresh.dataset.key = id;
      signatures.set(fresh, sign);
      if (element) {
        const isPlace = element === place;
        swap(element, fresh);
        if (isPlace) place = fresh;
      }
      element = fresh;
    }
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
}

/** Fills `parent` anew if what it shows is different from last time. */
export function fill(parent, shown, build) {
  const sign = JSON.stringify(shown);
  if (signatures.get(parent) === sign) return;
  signatures.set(parent, sign);
  const focused = parent.contains(document.activeElement) ? document.activeElement.closest("[data-f]")?.dataset.f : undefined;
  parent.replaceChildren(...[build()].flat(Infinity).filter(Boolean));
  if (focused !== undefined) refocus(parent, focused);
}

/** Forgets what was filled in, so that the next time builds it anew. */
export function forget(parent) {
  signatures.delete(parent);
}

/** The letters on somebody's picture. */
export function initials(text) {
  const letters = text.trim().split(/\s+/u).slice(0, 2).map((word) => [...word][0] ?? "");
  return letters.join("").toUpperCase() || "?";
}

let bot;

/** Whose colour is nobody else's. */
export function setBot(id) {
  bot = id;
}

/** A colour that is always the same for the same number; neighbours differ. */
export const hue = (id) => id === bot ? "hue-bot" : `hue-${(Math.abs(id) * 3 + Math.floor(Math.abs(id) / 7)) % 7}`;

/** A round picture. */
export function picture(text, id) {
  return h("span", { class: `picture ${hue(id)}`, "aria-hidden": "true" }, initials(text));
}
