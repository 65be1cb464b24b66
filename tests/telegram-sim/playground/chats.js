// The list of chats, and a world that is empty yet.

import { menu, toast } from "./dialogs.js";
import { by, fill, h, name, picture, sync } from "./dom.js";
import { count, time } from "./format.js";
import { newChat } from "./create.js";
import { newPerson } from "./people.js";
import { act, address, go, state } from "./state.js";

export const KINDS = { supergroup: "group", group: "basic group", channel: "channel", private: "private chat" };
const BOT = { admin: "bot is admin", member: "bot is member", absent: "no bot" };
/** What one is there, where that is worth a mark. */
const MINE = { creator: "owner", administrator: "admin", member: "", restricted: "restricted", kicked: "banned", left: "" };

export function kind(chat) {
  return chat.is_forum ? "forum" : KINDS[chat.kind];
}

/** How many are there, in the word for them. */
export const members = (chat) => chat.kind === "channel" ? count(chat.members, "subscriber", "subscribers") : count(chat.members, "member", "members");

export function start() {
  const button = by("new-chat");
  button.addEventListener("click", () => {
    if (!state.view?.me) return toast("Choose who you are first: a chat has an owner.");
    menu(button, [
      { label: "New group", run: () => newChat("group") },
      { label: "New channel", run: () => newChat("channel") },
      { label: "New forum (a group with topics)", run: () => newChat("forum") },
      { label: "New basic group", run: () => newChat("basic_group") },
    ]);
  });
}

export function draw() {
  const { chats, more_chats: more, me, bot } = state.view;
  const own = me ? [{ id: me.id, kind: "private", title: bot.name, bot: bot.id, private_chat: me.private_chat }] : [];
  sync(by("chat-list"), [...own, ...chats], {
    key: (chat) => chat.id,
    signature: (chat) => JSON.stringify([chat, state.chat === chat.id, state.as]),
    build: line,
  });
  by("more-chats").textContent = more > 0 ? `and ${more} more` : "";
  drawWelcome();
}

function line(chat) {
  const open = state.chat === chat.id;
  const click = (event) => {
    // With a key held it is a link like any other: a new tab or window.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go({ chat: chat.id });
  };
  const facts = chat.kind === "private" ? privateFacts(chat) : [kind(chat), members(chat)];
  const mine = state.as && MINE[chat.mine];
  // The link is called what the chat is; what was said last is beside it, and a click on either opens the chat.
  return h("li", { class: open ? "open" : undefined },
    picture(chat.title, chat.kind === "private" ? chat.bot : chat.id),
    h("div", { class: "about" },
      h("a", { href: address({ chat: chat.id }), "aria-current": open ? "page" : undefined, "data-f": `chat ${chat.id}`, on: { click } },
        h("span", { class: "title" }, name(chat.title), mine && h("span", { class: `mark mine-${chat.mine}` }, mine)),
        h("span", { class: "facts" }, facts.join(", "), " ", chat.kind !== "private" && h("span", { class: `mark bot-${chat.bot}` }, BOT[chat.bot])),
      ),
      chat.last && h("span", { class: "last" }, h("span", {}, name(chat.last.from), ": ", h("bdi", {}, chat.last.text)), h("time", {}, time(chat.last.date))),
    ),
  );
}

function privateFacts(chat) {
  const standing = { not_started: "not started", open: "open", blocked: "blocked" }[chat.private_chat];
  return ["private chat", standing];
}

function drawWelcome() {
  const { chats, me, people } = state.view;
  const empty = chats.length === 0;
  const none = !state.view.chat;
  document.body.classList.toggle("no-chat", none);
  fill(by("welcome"), [empty, none, Boolean(me), people.length > 0], () => {
    by("welcome").classList.toggle("only-a-hint", !empty && Boolean(me));
    if (!none) return [];
    if (empty) {
      return [
        h("h1", {}, "An empty world"),
        h("p", {}, "This is a make-believe Telegram for one bot. You can be anybody in it: write, join, leave, press buttons, and watch on the side what the bot does."),
        h("p", {}, h("button", { type: "button", class: "primary big", on: { click: makeExample } }, "Make a group and a channel")),
        h("p", { class: "hint" }, "It makes Olga, Ann and Ben, Olga's group and her channel, and the bot an admin in both. Or begin with a ",
          h("button", { type: "button", class: "link", on: { click: newPerson } }, "new person"), "."),
      ];
    }
    return [
      h("h1", {}, me ? "Open a chat" : "Who are you?"),
      h("p", {}, me ? "Choose a group or a channel from the list." : "Choose a person at the top, then a chat. Open more windows to be several people at once."),
    ];
  });
}

async function makeExample() {
  const made = await act({ act: "example" });
  if (made) await go({ as: made.olga, chat: made.group });
}
