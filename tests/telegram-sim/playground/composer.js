// Writing: as oneself, as the group or a channel, in reply, anew, or not at all, and then why not.

import { ask, menu, toast } from "./dialogs.js";
import { by, fill, h, name, plainName } from "./dom.js";
import { until } from "./format.js";
import { act, show, state } from "./state.js";

/** What the next message is in reply to, or which it replaces. */
let replying;
let editing;
/** The chat these belong to. */
let place;

const text = () => by("composer-text");

export function start() {
  by("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  text().addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape") {
      stop();
    }
  });
  text().addEventListener("input", fit);
  by("more-ways").addEventListener("click", (event) => menu(event.currentTarget, [
    state.view.chat.may.album && { label: "Send an album", hint: writesAs() === "me" ? undefined : "as yourself", run: album },
    { label: "Insert a link to a chat", run: insertLink },
  ].filter(Boolean)));
  by("commands").addEventListener("click", offerCommands);
}

export function draw() {
  const { chat } = state.view;
  if (place !== `${state.as} ${chat?.id}`) {
    place = `${state.as} ${chat?.id}`;
    stop();
    text().value = "";
    // Nobody stays somebody else unawares.
    by("write-as").value = "me";
    fit();
  }
  const may = chat?.may;
  const wasWriting = by("composer").contains(document.activeElement);
  const wasTold = by("notice").contains(document.activeElement);
  const writing = Boolean(may?.write.ok);
  by("composer").hidden = !writing;
  text().disabled = !writing;
  by("notice").hidden = !chat || writing;
  if (!chat) return;
  if (writing) {
    drawWriteAs(chat);
    drawStrip();
    by("commands").hidden = chat.commands.length === 0;
    text().placeholder = chat.kind === "channel" ? "Post to the channel" : "Message";
    if (wasTold) text().focus();
  } else {
    drawNotice(chat);
    if (wasWriting) (by("notice").querySelector("button") ?? by("notice")).focus();
  }
}

const WAYS = {
  join: { label: "Join", wish: (chat, user) => ({ act: "join", chat, user, link: state.invite ?? null }) },
  ask: { label: "Ask to join", wish: (chat, user) => ({ act: "request_to_join", chat, user, link: state.invite ?? null }) },
  start: { label: "Start", wish: (_chat, user) => ({ act: "direct", user, text: "/start" }) },
  unblock: { label: "Unblock the bot", wish: (_chat, user) => ({ act: "unblock_bot", user }) },
};

function drawNotice(chat) {
  const { write, way_in: wayIn } = chat.may;
  const end = write.until === null ? "" : ` ${until(write.until)}`;
  fill(by("notice"), [write, end, wayIn, state.invite], () => {
    const way = WAYS[wayIn];
    return [
      h("p", { dir: "auto" }, `${write.why}${end}.`, wayIn === "asked" && " You have asked: wait for an admin to let you in."),
      way && h("button", { type: "button", class: "primary", "data-f": "way", on: { click: () => act(way.wish(state.chat, state.as)) } }, way.label),
    ];
  });
}

function drawWriteAs(chat) {
  const line = by("write-as-line");
  const ways = [
    { value: "me", label: `${plainName(state.view.me.name)}, yourself` },
    ...(chat.may.anonymously ? [{ value: "group", label: `${plainName(chat.title)}, anonymously` }] : []),
    ...chat.own_channels.map((channel) => ({ value: String(channel.id), label: `${plainName(channel.title)}, your channel` })),
  ];
  line.hidden = ways.length < 2 || chat.kind === "channel";
  const picker = by("write-as");
  const before = picker.value;
  fill(picker, [chat.id, ways], () => ways.map((way) => h("option", { value: way.value }, way.label)));
  if (ways.some((way) => way.value === before)) picker.value = before;
}

function drawStrip() {
  const about = editing ?? replying;
  by("strip").hidden = !about;
  fill(by("strip"), [editing?.id, replying?.id], () => about ? [
    h("span", {}, editing ? "Editing: " : ["Reply to ", name(about.from), ": "], h("bdi", {}, about.text.slice(0, 200) || "photo")),
    h("button", { type: "button", "aria-label": editing ? "Stop editing" : "Stop replying", on: { click: () => { stop(); text().focus(); } } }, "✕"),
  ] : []);
}

export function beginReply(message) {
  editing = undefined;
  replying = message;
  show();
  text().focus();
}

export function beginEdit(message) {
  if (!state.view.chat.may.write.ok) return editInDialog(message);
  replying = undefined;
  editing = message;
  text().value = message.text;
  show();
  fit();
  text().focus();
  return undefined;
}

/** The muted can still change what they wrote. */
function editInDialog(message) {
  const chat = state.chat;
  ask("Edit your message", [{ name: "text", label: "Text", value: message.text, required: true, max: 4096 }], "Save", async ({ text: words }) => {
    return words !== "" && (await act({ act: "edit", chat, user: state.as, message: message.id, text: words })) !== undefined;
  });
}

/** Neither a reply nor an edit any more. */
function stop() {
  if (editing) text().value = "";
  editing = undefined;
  replying = undefined;
  if (state.view?.chat) drawStrip();
  fit();
}

let sending = false;

async function send() {
  const words = text().value.trim();
  if (!words || sending) return;
  sending = true;
  const done = await act(wish(words));
  sending = false;
  if (done === undefined) return;
  if (text().value.trim() === words) text().value = "";
  editing = undefined;
  stop();
}

function wish(words) {
  const { chat } = state.view;
  const who = { chat: chat.id, user: state.as };
  if (editing) return { act: "edit", ...who, message: editing.id, text: words };
  const reply_to = replying?.id ?? null;
  if (chat.kind === "private") return { act: "direct", user: state.as, text: words, reply_to };
  if (chat.kind === "channel") return { act: "post", channel: chat.id, text: words };
  const said = { ...who, text: words, topic: state.topic || null, reply_to };
  const as = writesAs();
  if (as === "group") return { act: "say_anonymously", ...said };
  if (as !== "me") return { act: "say_as_channel", ...said, channel: Number(as) };
  return { act: "say", ...said };
}

/** `me`, `group`, or a channel's number. */
const writesAs = () => by("write-as-line").hidden ? "me" : by("write-as").value;

/** As high as its lines, within reason. */
function fit() {
  const area = text();
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight, 160)}px`;
}

function insert(words) {
  const area = text();
  area.setRangeText(words, area.selectionStart, area.selectionEnd, "end");
  fit();
  area.focus();
}

function offerCommands(event) {
  const { commands } = state.view.chat;
  menu(event.currentTarget, commands.map(({ command, description }) => ({
    label: `/${command}`,
    hint: description,
    run: () => {
      text().value = "";
      insert(`/${command} `);
    },
  })));
}

function insertLink() {
  const open = state.view.chats.filter((chat) => chat.username);
  if (open.length === 0) return toast("No chat of this world has a public name.");
  return menu(by("more-ways"), open.map((chat) => ({ label: `@${chat.username}`, hint: chat.title, run: () => insert(`@${chat.username} `) })));
}

function album() {
  const { chat, topic } = state;
  const counts = [2, 3, 4, 6, 10].map((number) => ({ value: String(number), label: String(number) }));
  const fields = [
    { name: "photos", label: "Photos", options: counts, value: "3" },
    { name: "caption", label: "Caption (may be empty)", max: 1024 },
  ];
  ask("Send an album", fields, "Send album", async ({ photos, caption }) => {
    const wish = { act: "album", chat, user: state.as, photos: Number(photos), caption, topic: topic || null, reply_to: replying?.id ?? null };
    if ((await act(wish)) === undefined) return false;
    stop();
    return true;
  });
}
