// The open chat: its head, its topics and its messages.

import { ask, menu } from "./dialogs.js";
import { by, fill, h, name, picture, sync } from "./dom.js";
import { kind, members } from "./chats.js";
import { count, day } from "./format.js";
import { showMembers } from "./members.js";
import { element, waits } from "./message.js";
import { settings } from "./settings.js";
import { MOST_MESSAGES, act, go, show, showEarlier, state } from "./state.js";

/** Two messages of one person within this belong together. */
const TOGETHER_S = 600;
/** So near to the end one means to stay there. */
const NEAR_PX = 120;

let shownChat;
/** Nothing takes the focus on a page that has just been opened. */
let begun = false;

export function start() {
  const log = by("log");
  by("to-end").addEventListener("click", () => {
    toEnd();
    log.focus({ preventScroll: true });
  });
  log.addEventListener("scroll", () => {
    if (isAtEnd()) by("to-end").hidden = true;
  });
}

export function draw() {
  const { chat } = state.view;
  for (const id of ["chat-head", "log-wrap"]) by(id).hidden = !chat;
  by("topics").hidden = !chat?.is_forum;
  if (!chat) {
    shownChat = undefined;
    begun = true;
    by("log").replaceChildren();
    return;
  }
  const opened = shownChat !== markOf(chat);
  drawHead(chat);
  drawTopics(chat);
  drawLog(chat);
  // On a narrow screen the list goes away when a chat opens, and the focus with it.
  if (begun && opened && document.activeElement === document.body) by("log").focus({ preventScroll: true });
  begun = true;
}

function drawHead(chat) {
  const isPrivate = chat.kind === "private";
  const facts = isPrivate
    ? "bot, only you and it see this"
    : [kind(chat), members(chat), { admin: "bot is admin", member: "bot is member", absent: "bot is not here" }[chat.bot]].join(", ");
  fill(by("chat-head"), [chat.id, chat.title, chat.username, facts, chat.may, chat.requests.length, state.as, state.showDeleted, chat.linked], () => [
    h("button", { type: "button", class: "back", "aria-label": "Back to the chats", "data-f": "back", on: { click: () => go({ chat: null }) } }, "‹"),
    picture(chat.title, isPrivate ? state.view.bot.id : chat.id),
    h("div", { class: "about" }, h("h1", {}, name(chat.title)), h("p", {}, chat.username && [h("bdi", {}, `@${chat.username}`), ", "], facts)),
    chat.may.members && !isPrivate && h("button", { type: "button", "data-f": "members", on: { click: showMembers } },
      "Members", chat.requests.length > 0 && h("span", { class: "badge", "aria-label": count(chat.requests.length, "request", "requests") }, String(chat.requests.length))),
    h("button", { type: "button", "aria-label": "Chat menu", "aria-haspopup": "menu", "data-f": "menu", on: { click: openMenu } }, "⋯"),
  ]);
}

function openMenu(event) {
  const { chat } = state.view;
  const { may, linked } = chat;
  const wish = (what) => () => act({ act: what, chat: chat.id, user: state.as });
  menu(event.currentTarget, [
    (may.permissions || may.own || may.approve) && { label: "Settings", run: settings },
    may.topics && { label: "New topic", run: newTopic },
    linked && { label: `Open ${linked.title}`, run: () => go({ chat: linked.id }) },
    { label: "Show deleted messages", checked: state.showDeleted, run: toggleDeleted },
    may.block && { label: "Block the bot", run: () => act({ act: "block_bot", user: state.as }), danger: true },
    may.leave && { label: "Leave", run: wish("leave"), danger: true },
  ].filter(Boolean));
}

function toggleDeleted() {
  state.showDeleted = !state.showDeleted;
  show();
}

function newTopic() {
  ask("New topic", [{ name: "topic", label: "Name", required: true, max: 128 }], "Make", async ({ topic }) => {
    if (!topic) return false;
    return (await act({ act: "topic", chat: state.chat, user: state.as, name: topic })) !== undefined;
  });
}

function drawTopics(chat) {
  const shown = [{ name: "All" }, { id: 0, name: "General" }, ...chat.topics];
  fill(by("topics"), [shown, state.topic], () => shown.map((topic) => h(
    "button",
    { type: "button", "aria-pressed": String(state.topic === topic.id), "data-f": `topic ${topic.id}`, on: { click: () => choose(topic.id) } },
    name(topic.name),
  )));
}

function choose(topic) {
  state.topic = topic;
  show();
}

function inTopic(message) {
  if (state.topic === undefined) return true;
  return (message.thread ?? 0) === state.topic;
}

/** What is in the log: another chat, person or topic begins it anew. */
const markOf = (chat) => `${chat.id} ${state.as} ${state.topic}`;

function drawLog(chat) {
  const log = by("log");
  const fresh = shownChat !== markOf(chat);
  shownChat = markOf(chat);
  const stay = fresh || isAtEnd();
  const before = log.scrollHeight - log.scrollTop;
  const newest = log.lastElementChild?.dataset.key;
  // A whole chat at once is not news.
  log.setAttribute("aria-live", fresh ? "off" : "polite");
  sync(log, lines(chat), { key: (line) => line.key, signature: (line) => JSON.stringify(line), build });
  if (fresh) requestAnimationFrame(() => log.setAttribute("aria-live", "polite"));
  const last = log.lastElementChild;
  const isNews = last?.dataset.key !== newest;
  if (stay || (isNews && last?.classList.contains("mine"))) toEnd();
  else if (isNews) by("to-end").hidden = false;
  else if (log.scrollTop < NEAR_PX) log.scrollTop = log.scrollHeight - before;
}

function isAtEnd() {
  const log = by("log");
  return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
}

function toEnd() {
  const log = by("log");
  log.scrollTop = log.scrollHeight;
  by("to-end").hidden = true;
}

/** What is shown, line by line: days, messages with albums together, and whatever else there is to say. */
function lines(chat) {
  const made = [];
  if (chat.hidden) made.push({ key: "hidden", note: chat.hidden });
  if (chat.earlier > 0) made.push(state.messages < MOST_MESSAGES ? { key: "earlier", earlier: chat.earlier } : { key: "earlier", note: `${chat.earlier} earlier messages` });
  let date;
  let previous;
  for (const message of chat.messages) {
    if (!inTopic(message) || (message.deleted_by && !state.showDeleted)) continue;
    const on = day(message.date);
    if (on !== date) {
      made.push({ key: `day ${on}`, day: on });
      previous = undefined;
    }
    date = on;
    const line = made.at(-1);
    if (message.album && !message.deleted_by && line.album === message.album && line.messages) {
      line.messages.push(message);
      continue;
    }
    const plain = !message.service && !message.deleted_by;
    const together = plain && previous?.from_id === message.from_id && previous.mine === message.mine && message.date - previous.date < TOGETHER_S;
    // Writing under the same name is not always the same person: a group's admins are all the group.
    made.push({ key: message.id, album: message.album, messages: [message], withName: !together, waits: waits(message), as: state.as, may: chat.may.write.ok });
    previous = plain ? message : undefined;
  }
  if (!chat.hidden && chat.messages.length === 0) made.push({ key: "empty", note: "Nothing has been written here yet" });
  return made;
}

function build(line) {
  if (line.day) return h("p", { class: "service day" }, h("span", {}, line.day));
  if (line.note) return h("p", { class: "service" }, h("span", {}, line.note));
  if (line.earlier) {
    return h("p", { class: "service" }, h("button", { type: "button", "data-f": "earlier", on: { click: showEarlier } }, `Show earlier messages (${line.earlier})`));
  }
  return element(line.messages, line);
}
