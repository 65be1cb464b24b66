// Making groups and channels, and choosing the bot's rights.

import { ask } from "./dialogs.js";
import { act, go, state } from "./state.js";

const TITLES = { group: "New group", channel: "New channel", forum: "New forum", basic_group: "New basic group" };

/** An administrator's rights that matter to bots, by the sort of chat. */
const RIGHTS = {
  group: {
    can_delete_messages: "Delete messages", can_restrict_members: "Restrict and ban members", can_invite_users: "Invite people",
    can_promote_members: "Make others admins", can_pin_messages: "Pin messages", can_change_info: "Change the group's info",
    can_manage_topics: "Manage topics",
  },
  channel: {
    can_post_messages: "Post", can_edit_messages: "Edit posts of others", can_delete_messages: "Delete posts", can_invite_users: "Invite people",
    can_restrict_members: "Ban subscribers", can_promote_members: "Make others admins", can_change_info: "Change the channel's info",
  },
};
const USUAL = new Set(["can_delete_messages", "can_restrict_members", "can_invite_users"]);

/** Checkboxes of rights, those in `held` on. */
export function rightBoxes(isChannel, held) {
  return Object.entries(RIGHTS[isChannel ? "channel" : "group"]).map(([name, label]) => ({
    name, label, value: held ? held.includes(name) : USUAL.has(name) && !(isChannel && name !== "can_invite_users"),
  }));
}

/** The rights of a sent form. */
export function chosenRights(values) {
  const rights = Object.fromEntries(Object.entries(values).filter(([name]) => name.startsWith("can_")));
  return { ...rights, can_manage_chat: true };
}

export function newChat(kind) {
  const isChannel = kind === "channel";
  const mayBePublic = isChannel || kind === "group";
  const fields = [
    { name: "title", label: "Title", required: true, max: 128 },
    mayBePublic && { name: "username", label: "Public name without @ (empty: private)", max: 32, pattern: "[A-Za-z][A-Za-z0-9_]{3,31}", title: "4 to 32 letters, digits or _, a letter first" },
    { name: "bot", label: "The bot is an admin here", type: "checkbox", value: true },
  ].filter(Boolean);
  ask(TITLES[kind], fields, "Make", async ({ title, username, bot }) => {
    if (!title) return false;
    const chat = await act({ act: kind, title, owner: state.as, ...(mayBePublic && { username: username || null }) });
    if (chat === undefined) return false;
    if (bot) {
      const usual = rightBoxes(isChannel).filter((box) => box.value).map((box) => [box.name, true]);
      await act({ act: "add_bot", chat, rights: { ...Object.fromEntries(usual), can_manage_chat: true } });
    }
    await go({ chat });
    return true;
  });
}
