// Who is in the chat, and what its admins do to them.

import { chosenRights, rightBoxes } from "./create.js";
import { ask, menu, sheet, toast } from "./dialogs.js";
import { fill, h, name, picture, plainName } from "./dom.js";
import { now, until } from "./format.js";
import { act, address, state } from "./state.js";

const STATUS = { creator: "owner", administrator: "admin", member: "member", restricted: "restricted", left: "left", kicked: "banned" };
const MUTES = [["for a minute", 60], ["for an hour", 3600], ["for a day", 86_400], ["until an admin lifts it", 0]];

export function showMembers() {
  sheet("Members", (body, close) => {
    const { chat } = state.view;
    if (!chat) return close();
    fill(body, [chat.id, chat.members_seen, chat.requests, chat.more_members, state.as, state.view.people.length], () => [
      requests(chat),
      adder(chat),
      h("ul", { class: "members", "aria-label": "Members" }, chat.members_seen.map((member) => row(chat, member))),
      chat.more_members > 0 && h("p", { class: "hint" }, `and ${chat.more_members} more`),
    ]);
    return undefined;
  });
}

function requests(chat) {
  if (chat.requests.length === 0) return null;
  const answer = (what, person) => () => act({ act: what, chat: chat.id, user: person.id });
  return h("section", { "aria-label": "Requests to join" }, h("h3", {}, "Want to join"), h("ul", { class: "members" }, chat.requests.map((person) => h("li", {},
    picture(person.name, person.id),
    h("span", { class: "about" }, name(person.name)),
    h("button", { type: "button", class: "primary", "aria-label": `Let ${person.name} in`, "data-f": `in ${person.id}`, on: { click: answer("approve", person) } }, "Let in"),
    h("button", { type: "button", "aria-label": `Decline ${person.name}`, "data-f": `out ${person.id}`, on: { click: answer("decline", person) } }, "Decline"),
  ))));
}

/** Bringing others in, as any member of a group can. */
function adder(chat) {
  if (!state.as || chat.kind === "channel" || chat.mine === "left" || chat.mine === "kicked") return null;
  const there = new Set(chat.members_seen.filter((member) => member.is_present).map((member) => member.id));
  const others = state.view.people.filter((person) => !there.has(person.id));
  if (others.length === 0) return null;
  const add = () => ask("Add somebody", [
    { name: "user", label: "Person", options: others.map((person) => ({ value: String(person.id), label: plainName(person.name) })) },
  ], "Add", async ({ user }) => (await act({ act: "join", chat: chat.id, user: Number(user), by: state.as, link: null })) !== undefined);
  return h("p", {}, h("button", { type: "button", "data-f": "add", on: { click: add } }, "Add somebody"));
}

function row(chat, member) {
  const isBot = member.id === state.view.bot.id;
  const choices = isBot ? [] : items(chat, member);
  const open = (event) => menu(event.currentTarget, choices);
  return h("li", {},
    picture(member.name, member.id),
    h("span", { class: "about" },
      h("span", { class: "title" }, name(member.name), member.id === state.as && " (you)", isBot && " (the bot)"),
      h("span", { class: `facts status-${member.status}` }, standing(member)),
    ),
    choices.length > 0 && h("button", { type: "button", "aria-label": `Actions for ${member.name}`, "aria-haspopup": "menu", "data-f": `acts ${member.id}`, on: { click: open } }, "⋯"),
  );
}

/** What somebody is, in words: "muted by the bot until 12:00". */
function standing(member) {
  const word = member.muted ? "muted" : STATUS[member.status];
  const author = member.by ? ` by ${member.by}` : "";
  const end = member.until === null ? "" : ` ${until(member.until)}`;
  const away = member.status === "restricted" && !member.is_present ? ", not here" : "";
  const rights = member.status === "administrator" ? rightsInWords(member.rights) : "";
  return `${word}${author}${end}${away}${rights}`;
}

function rightsInWords(rights) {
  const shown = rights.filter((right) => right !== "can_manage_chat").map((right) => right.replace(/^(can|is)_/u, "").replaceAll("_", " "));
  return shown.length > 0 ? `: ${shown.join(", ")}` : " without rights";
}

function items(chat, member) {
  const who = { chat: chat.id, by: state.as, user: member.id };
  const may = new Set(member.acts);
  const mute = (seconds) => () => act({ act: "restrict", ...who, permissions: {}, until: seconds && Math.ceil(now() / 1000) + seconds });
  // All permissions at once lift a restriction.
  const unmute = () => act({ act: "restrict", ...who, permissions: everything(chat), until: 0 });
  return [
    ...(may.has("mute") ? MUTES.map(([words, seconds]) => ({ label: `Mute ${words}`, run: mute(seconds) })) : []),
    may.has("unmute") && { label: member.muted ? "Unmute" : "Lift the restriction", run: unmute },
    may.has("promote") && { label: member.status === "administrator" ? "Change rights…" : "Make admin…", run: () => promote(chat, member, who) },
    may.has("demote") && { label: "Dismiss as admin", run: () => act({ act: "demote", ...who }) },
    may.has("ban") && { label: "Ban", run: () => act({ act: "ban", ...who, until: 0 }), danger: true },
    may.has("unban") && { label: "Unban", run: () => act({ act: "unban", ...who }) },
    member.id !== state.as && { label: `Be ${member.name} in a new window`, href: address({ as: member.id }) },
  ].filter(Boolean);
}

function everything(chat) {
  return Object.fromEntries(Object.keys(chat.permissions).map((permission) => [permission, true]));
}

function promote(chat, member, who) {
  const held = member.status === "administrator" ? member.rights : undefined;
  const fields = [{ label: "May", boxes: rightBoxes(chat.kind === "channel", held) }];
  ask(`Rights of ${member.name}`, fields, "Save", async (values) => {
    const done = await act({ act: "promote", ...who, rights: chosenRights(values) });
    if (done !== undefined) toast(`${member.name} is an admin.`);
    return done !== undefined;
  });
}
