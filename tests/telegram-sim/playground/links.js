// Following links and mentions: within this world if they lead there.

import { resolve } from "./api.js";
import { chosenRights, rightBoxes } from "./create.js";
import { ask, toast } from "./dialogs.js";
import { act, go, state } from "./state.js";

export async function follow(url) {
  const web = webAddress(url);
  // Before any waiting, or the browser takes the new window for an unwanted one.
  if (web && !/(^|\.)(t|telegram)\.me$/u.test(web.hostname)) {
    window.open(web.href, "_blank", "noopener,noreferrer");
    return;
  }
  const target = await resolve(url).catch(() => "nothing");
  if (target.chat) return go({ chat: target.chat.id, invite: target.chat.invite ?? undefined });
  if (target.bot) return openBot(target.bot.start);
  if (target.add_bot) return addBot(target.add_bot);
  if (target.person) return toast("That is a person of this world.");
  toast("That link leads nowhere in this world.");
}

function webAddress(url) {
  try {
    const parsed = new URL(url);
    return parsed.protocol === "https:" || parsed.protocol === "http:" ? parsed : undefined;
  } catch {
    return undefined;
  }
}

async function openBot(start) {
  if (!state.as) return toast("Choose who you are first.");
  await go({ chat: state.as });
  if (start) await act({ act: "direct", user: state.as, text: `/start ${start}` });
}

/** Into one of one's own groups or channels, with the rights that the link asks for. */
function addBot({ to_channel: toChannel, rights }) {
  if (!state.as) return toast("Choose who you are first.");
  const what = toChannel ? "channel" : "group";
  const own = state.view.chats.filter((chat) => (chat.kind === "channel") === toChannel && chat.mine === "creator");
  if (own.length === 0) return toast(`You have no ${what} yet. New chat makes one.`);
  const options = own.map((chat) => ({ value: String(chat.id), label: chat.title }));
  const fields = [
    { name: "chat", label: toChannel ? "Channel" : "Group", options, value: String(state.chat) },
    { label: "May", boxes: rightBoxes(toChannel, rights) },
  ];
  return ask(`Add the bot to a ${what}`, fields, "Add as admin", async ({ chat, ...values }) =>
    (await act({ act: "add_bot", chat: Number(chat), rights: chosenRights(values) })) !== undefined);
}
