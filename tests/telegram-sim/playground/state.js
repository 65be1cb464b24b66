// What the page knows: who one is, which chat is open, and the last answer of the simulator.

import * as api from "./api.js";
import { toast } from "./dialogs.js";
import { setNow } from "./format.js";

const PAGE = 100;
/** The simulator gives no more at once. */
export const MOST_MESSAGES = 1000;

export const state = {
  as: undefined,
  chat: undefined,
  /** The invite link by which the chat was opened. */
  invite: undefined,
  topic: undefined,
  messages: PAGE,
  /** The view of the moment; undefined before the first. */
  view: undefined,
  /** Presses that wait for the bot, as `chat/message/data`. */
  pressing: new Set(),
  showDeleted: true,
};

let render = () => {};
export function onChange(listener) {
  render = listener;
}

/** Shows again what is known. */
export const show = () => render();

const number = (text) => (/^-?\d{1,15}$/u.test(text ?? "") ? Number(text) : undefined);

export function readAddress() {
  const query = new URLSearchParams(location.search);
  state.as = number(query.get("as"));
  state.chat = number(query.get("chat"));
}

export function address({ as = state.as, chat = state.chat } = {}) {
  const query = new URLSearchParams();
  if (as) query.set("as", as);
  if (chat) query.set("chat", chat);
  return query.size ? `/playground?${query}` : "/playground";
}

/** Becomes somebody else or opens another chat; `null` is nobody or none. */
export function go({ as = state.as, chat = state.chat, invite } = {}) {
  // The private chat with the bot goes with the person.
  if (state.chat && as !== state.as && state.chat === state.as && chat === state.chat) chat = as;
  state.as = as ?? undefined;
  if (chat !== state.chat) state.messages = PAGE;
  if (chat !== state.chat) state.topic = undefined;
  state.chat = chat ?? undefined;
  state.invite = invite;
  if (address() !== location.pathname + location.search) history.pushState(null, "", address());
  return refresh();
}

export function showEarlier() {
  state.messages += PAGE * 2;
  return refresh();
}

let asking;
let askAgain = false;

/** Asks the simulator how things are. Several wishes at once make one question, and one more after it. */
export function refresh() {
  if (asking) {
    askAgain = true;
    return asking;
  }
  asking = look().finally(() => {
    asking = undefined;
  });
  return asking;
}

async function look() {
  do {
    askAgain = false;
    const { as, chat, messages } = state;
    try {
      const view = await api.view({ as, chat, messages });
      // An answer about somebody or somewhere else would be shown as if it were this.
      if (as !== state.as || chat !== state.chat) {
        askAgain = true;
        continue;
      }
      state.view = view;
      setNow(view.now_ms);
    } catch {
      return;
    }
    if (state.view.chat?.moved_to) {
      state.chat = state.view.chat.moved_to;
      history.replaceState(null, "", address());
      askAgain = true;
      continue;
    }
    render();
  } while (askAgain);
}

/** Does something, and says so if Telegram does not let one. Gives the result, undefined if refused. */
export async function act(wish) {
  try {
    const { done, refused } = await api.attempt(wish);
    if (refused === undefined) return done ?? true;
    toast(sentence(refused));
  } catch {
    toast("The simulator does not answer.");
  }
  return undefined;
}

/** A refusal, said to the one it is about. */
function sentence(reason) {
  const said = reason
    .replace(/^the press was not answered within (\d+)s$/u, "the bot did not answer within $1 seconds")
    .replace(/\bthey (are|have|may|did|cannot)\b/u, "you $1")
    .replace(/\btheirs\b/u, "yours")
    .replace(/\btheir\b/u, "your");
  return `${said[0].toUpperCase()}${said.slice(1)}.`;
}
