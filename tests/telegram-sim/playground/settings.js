// A chat's settings, for its admins: what everybody may do, the bot, how people come in.

import { chosenRights, rightBoxes } from "./create.js";
import { ask, sheet } from "./dialogs.js";
import { fill, h, name } from "./dom.js";
import { act, go, state } from "./state.js";

const PERMISSIONS = {
  can_send_messages: "Send messages", can_send_photos: "Send photos", can_send_videos: "Send videos", can_send_documents: "Send files",
  can_send_polls: "Send polls", can_send_other_messages: "Send stickers and the like", can_add_web_page_previews: "Show link previews",
  can_invite_users: "Add people", can_pin_messages: "Pin messages", can_change_info: "Change the group's info", can_manage_topics: "Manage topics",
};

export function settings() {
  sheet("Settings", (body, close) => {
    const { chat } = state.view;
    if (!chat) return close();
    const bot = chat.members_seen.find((member) => member.id === state.view.bot.id);
    fill(body, [chat.id, chat.may, chat.permissions, chat.join_by_request, chat.linked, chat.bot, bot], () => [
      chat.may.own && botSection(chat, bot),
      chat.may.permissions && section("What everybody may do", summary(chat), button("Change…", () => changePermissions(chat), "permissions")),
      chat.may.own && section("New members", chat.join_by_request ? "They have to ask, and an admin lets them in." : "They come in by themselves.",
        button(chat.join_by_request ? "Let everybody in" : "Let them ask first", () => act({ act: "set_join_by_request", chat: chat.id, on: !chat.join_by_request }), "asking")),
      chat.may.own && chat.kind === "channel" && linkSection(chat),
      chat.may.upgrade && section("Basic group", "It can mute nobody. A supergroup can.", button("Make it a supergroup", async () => {
        const made = await act({ act: "upgrade", chat: chat.id });
        if (made !== undefined) {
          close();
          await go({ chat: made });
        }
      }, "upgrade")),
    ]);
    return undefined;
  });
}

const section = (title, ...inside) => h("section", { "aria-label": title }, h("h3", {}, title), inside.map((part) => typeof part === "string" ? h("p", {}, part) : part));
const button = (label, click, mark) => h("button", { type: "button", "data-f": mark, on: { click } }, label);

function botSection(chat, bot) {
  const words = { admin: "It is an admin here.", member: "It is a plain member here.", absent: "It is not here." }[chat.bot];
  const rights = () => ask("Rights of the bot", [{ label: "May", boxes: rightBoxes(chat.kind === "channel", bot?.status === "administrator" ? bot.rights : undefined) }], "Save",
    async (values) => (await act({ act: "add_bot", chat: chat.id, rights: chosenRights(values) })) !== undefined);
  return section("The bot", words, h("div", { class: "buttons start" },
    button(chat.bot === "absent" ? "Add as admin…" : chat.bot === "admin" ? "Change rights…" : "Make admin…", rights, "bot rights"),
    chat.bot === "absent" && chat.kind !== "channel" && button("Add as plain member", () => act({ act: "add_bot_as_member", chat: chat.id }), "bot member"),
    chat.bot !== "absent" && button("Remove the bot", () => act({ act: "remove_bot", chat: chat.id }), "bot out"),
  ));
}

function summary(chat) {
  const denied = Object.entries(PERMISSIONS).filter(([permission]) => !chat.permissions[permission]).map(([, words]) => words.toLowerCase());
  return denied.length === 0 ? "Everything." : `Everything but: ${denied.join(", ")}.`;
}

function changePermissions(chat) {
  const boxes = Object.entries(PERMISSIONS).map(([permission, label]) => ({ name: permission, label, value: chat.permissions[permission] }));
  ask("What everybody may do", [{ label: "May", boxes }], "Save", async (values) => {
    const permissions = { ...chat.permissions, ...values };
    return (await act({ act: "set_permissions", chat: chat.id, by: state.as, permissions })) !== undefined;
  });
}

function linkSection(chat) {
  if (chat.linked) return section("Discussion", h("p", {}, "Posts are copied into ", name(chat.linked.title), "."));
  const own = state.view.chats.filter((other) => other.kind === "supergroup" && other.mine === "creator");
  if (own.length === 0) return section("Discussion", "Make a group of yours first, then link it here.");
  const choose = () => ask("Discussion group", [
    { name: "group", label: "Group", options: own.map((group) => ({ value: String(group.id), label: group.title })) },
  ], "Link", async ({ group }) => (await act({ act: "link", channel: chat.id, chat: Number(group) })) !== undefined);
  return section("Discussion", "Posts are not copied anywhere.", button("Link a group…", choose, "link"));
}
