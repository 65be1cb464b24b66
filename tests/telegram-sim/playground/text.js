// A message's text with its entities, as elements. Offsets count UTF-16 units, as JavaScript's strings do.

import { h } from "./dom.js";
import { follow } from "./links.js";

const TAGS = {
  bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre", blockquote: "blockquote",
  expandable_blockquote: "blockquote",
};

/** The nodes of a text. */
export function formatted(text, entities) {
  const sound = entities.filter((entity) => entity.length > 0 && entity.offset >= 0 && entity.offset < text.length);
  sound.sort((a, b) => a.offset - b.offset || b.length - a.length);
  return nodes(text, 0, text.length, sound);
}

/** The part from `start` to `end`; `entities` begin within it, outer ones before inner ones. */
function nodes(text, start, end, entities) {
  const made = [];
  let at = start;
  let next = 0;
  while (next < entities.length) {
    const entity = entities[next];
    const from = Math.max(entity.offset, at);
    const to = Math.min(entity.offset + entity.length, end);
    next += 1;
    if (from >= to) continue;
    const inner = [];
    while (next < entities.length && entities[next].offset < to) inner.push(entities[next++]);
    if (from > at) made.push(text.slice(at, from));
    made.push(wrapped(entity, text.slice(from, to), nodes(text, from, to, inner)));
    at = to;
  }
  if (at < end) made.push(text.slice(at, end));
  return made;
}

function wrapped(entity, words, inside) {
  const { type } = entity;
  if (TAGS[type]) return h(TAGS[type], {}, inside);
  if (type === "spoiler") return spoiler(inside);
  if (type === "text_link") return link(entity.url, inside);
  if (type === "url") return link(/^[a-z]+:/iu.test(words) ? words : `https://${words}`, inside);
  if (type === "mention") return link(words, inside);
  if (type === "text_mention") return h("span", { class: "mention" }, inside);
  if (type === "bot_command") return h("span", { class: "command" }, inside);
  return h("span", {}, inside);
}

function link(url, inside) {
  return h("button", { type: "button", class: "link", title: url, "data-f": `link ${url}`, on: { click: () => follow(url) } }, inside);
}

function spoiler(inside) {
  const button = h("button", { type: "button", class: "spoiler", "aria-label": "Hidden words, press to read" }, inside);
  button.addEventListener("click", () => {
    button.classList.add("open");
    button.removeAttribute("aria-label");
  }, { once: true });
  return button;
}
