// One message: a bubble, a line about coming and going, or the trace of a deleted one.

import * as api from "./api.js";
import { alertFrom, ask, menu, sheet, toast } from "./dialogs.js";
import { fill, h, hue, name, picture } from "./dom.js";
import { time } from "./format.js";
import { follow } from "./links.js";
import { beginEdit, beginReply } from "./composer.js";
import { act, show, state } from "./state.js";
import { formatted } from "./text.js";

/** A message, or an album as a list of its messages. */
export function element(messages, { withName }) {
  const first = messages[0];
  if (first.deleted_by) return trace(first);
  if (first.service) return service(first);
  return bubble(messages, withName);
}

function service({ service: { who, did, whom } }) {
  const others = whom.flatMap((one, at) => [at > 0 ? ", " : " ", name(one)]);
  return h("p", { class: "service" }, h("span", {}, name(who), ` ${did}`, others));
}

function trace(message) {
  const what = message.service ? "A service message" : [name(message.from), ": ", h("del", { dir: "auto" }, message.text || "photo")];
  return h("p", { class: "service trace" }, h("span", {}, what, ` was deleted by ${message.deleted_by}`));
}

function bubble(messages, withName) {
  const first = messages[0];
  const caption = messages.find((message) => message.text) ?? first;
  const photos = messages.filter((message) => message.photo);
  return h(
    "article",
    { class: `message${first.mine ? " mine" : ""}${withName ? " first" : ""}`, "aria-label": `Message from ${first.from || "nobody"}` },
    withName && !first.mine && picture(first.from, first.from_id),
    h("div", { class: "bubble" },
      h("div", { class: "top" },
        withName ? h("span", { class: `author ${hue(first.from_id)}` }, name(first.from)) : h("span"),
        actions(first),
      ),
      first.forwarded_from && h("p", { class: "forwarded" }, "Forwarded from ", name(first.forwarded_from)),
      first.reply && h("blockquote", { class: "reply" }, h("b", {}, name(first.reply.from)), h("span", { dir: "auto" }, first.reply.text)),
      photos.length > 0 && h("div", { class: `photos n${Math.min(photos.length, 4)}`, role: "img", "aria-label": photos.length > 1 ? `Album of ${photos.length} photos` : "Photo" },
        photos.map((photo) => h("span", { class: `photo p${photo.id % 5}` }))),
      caption.text && h("div", { class: "words", dir: "auto" }, formatted(caption.text, caption.entities)),
      h("div", { class: "meta" }, first.edited && "edited ", h("time", { datetime: new Date(first.date * 1000).toISOString() }, time(first.date))),
    ),
    first.buttons.length > 0 && h("div", { class: "keyboard", role: "group", "aria-label": "Buttons" }, first.buttons.map((row) => h("div", {}, row.map((button) => inline(first, button))))),
  );
}

/** A button under the bot's message. */
function inline(message, button) {
  const { label, url, data } = button;
  const mark = `button ${label} ${data ?? url}`;
  if (url) {
    return h("button", { type: "button", class: "inline url", title: url, "data-f": mark, on: { click: () => follow(url) } }, h("bdi", {}, label));
  }
  const key = pressKey(message, data);
  const busy = state.pressing.has(key);
  return h(
    "button",
    { type: "button", class: "inline", "aria-busy": busy ? "true" : undefined, "data-f": mark, on: { click: () => press(message, data) } },
    h("bdi", {}, label), busy && h("span", { class: "spinner", "aria-hidden": "true" }),
  );
}

const pressKey = (message, data) => `${state.chat}/${message.id}/${data}`;

/** Whether a press of this message waits; the bubble looks different then. */
export function waits(message) {
  return message.buttons.flat().filter((button) => state.pressing.has(pressKey(message, button.data))).length;
}

async function press(message, data) {
  const key = pressKey(message, data);
  if (!state.as) return toast("Choose who you are first.");
  if (data === null) return toast("This sort of button does nothing here.");
  if (state.pressing.has(key)) return;
  state.pressing.add(key);
  show();
  const answer = await act({ act: "press", chat: state.chat, user: state.as, message: message.id, button: data });
  state.pressing.delete(key);
  show();
  if (!answer) return;
  if (answer.url) follow(answer.url);
  if (!answer.text) return;
  if (answer.show_alert) alertFrom(state.view.bot.name, answer.text);
  else toast(answer.text);
}

function actions(message) {
  const { may, kind } = state.view.chat;
  if (!state.as) return null;
  const about = { chat: state.chat, user: state.as, message: message.id };
  const remove = () => act({ act: "delete", ...about });
  const items = [
    may.write.ok && kind !== "channel" && { label: "Reply", run: () => beginReply(message) },
    { label: "Forward…", run: () => forward(message) },
    message.can_edit && { label: "Edit", run: () => beginEdit(message) },
    message.can_delete && { label: "Delete", run: remove, danger: true },
    message.is_from_bot && { label: "Press with other data…", run: () => forge(message) },
  ].filter(Boolean);
  const open = (event) => menu(event.currentTarget, items);
  return h("button", { type: "button", class: "more", "aria-label": `Actions for the message from ${message.from}`, "aria-haspopup": "menu", "data-f": "more", on: { click: open } }, "⋯");
}

function forward(message) {
  const from = state.chat;
  sheet("Forward to", (body, close) => {
    const groups = state.view.chats.filter((chat) => chat.kind !== "channel" && !["left", "kicked"].includes(chat.mine));
    const send = (wish) => async () => {
      close();
      if ((await act(wish)) !== undefined) toast("Forwarded.");
    };
    fill(body, groups.map((chat) => [chat.id, chat.title]), () => h("ul", { class: "choices" },
      h("li", {}, h("button", { type: "button", on: { click: send({ act: "forward_to_bot", user: state.as, from, message: message.id }) } },
        picture(state.view.bot.name, state.view.bot.id), h("span", {}, name(state.view.bot.name), " in private"))),
      groups.map((chat) => h("li", {}, h("button", { type: "button", on: { click: send({ act: "forward", chat: chat.id, user: state.as, from, message: message.id }) } },
        picture(chat.title, chat.id), name(chat.title)))),
    ));
  });
}

/** What a modified client can do: press with data that is on no button. */
function forge(message) {
  const fields = [{ name: "data", label: "Callback data", required: true, max: 64, hint: "A modified client can send any data: the bot must not trust it." }];
  ask("Press with other data", fields, "Press", async ({ data }) => {
    const { done, refused } = await api.attempt({ act: "press_forged", chat: state.chat, user: state.as, message: message.id, data });
    toast(refused ?? (done.text || "The bot only stopped the spinner."));
  });
}
