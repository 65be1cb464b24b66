// Times, numbers and the bot's calls in words.

/** How far this world's time is from this machine's, in milliseconds. */
let ahead = 0;

export function setNow(nowMs) {
  ahead = nowMs - Date.now();
}

/** Now, in the world's milliseconds. */
export const now = () => Date.now() + ahead;

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long" });
const dated = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export const time = (seconds) => clock.format(seconds * 1000);
export const exactTime = (ms) => exact.format(ms);
export const dateAndTime = (ms) => dated.format(ms);

/** Whole days from today, by the calendar. */
function daysAway(ms) {
  const midnight = (at) => new Date(at).setHours(0, 0, 0, 0);
  return Math.round((midnight(ms) - midnight(now())) / 86_400_000);
}

export function day(seconds) {
  const away = daysAway(seconds * 1000);
  if (away === 0) return "Today";
  if (away === -1) return "Yesterday";
  return date.format(seconds * 1000);
}

/** The end of a mute or a ban, from its second; 0 has no end. */
export function until(seconds) {
  if (!seconds) return "until an admin lifts it";
  const away = daysAway(seconds * 1000);
  if (away === 0) return `until ${time(seconds)}`;
  if (away === 1) return `until tomorrow ${time(seconds)}`;
  return `until ${date.format(seconds * 1000)}, ${time(seconds)}`;
}

export const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

/** What matters most of a call's arguments, first. */
const ESSENTIAL = ["chat_id", "user_id", "text", "message_id", "message_ids", "until_date", "url", "offset", "timeout"];

/** A call's arguments in one line, chats and people by name where `called` knows it. */
export function argumentsLine(args, called) {
  const names = Object.keys(args).sort((a, b) => place(a) - place(b));
  return names.map((name) => said(name, args[name], called)).join("  ");
}

function said(name, value, called) {
  if (name === "chat_id") return `in ${called(value) ?? value}`;
  if (name === "user_id") return `about ${called(value) ?? value}`;
  if (name === "permissions") return permissions(value);
  if (name === "until_date") return until(Number(value));
  return `${name}: ${short(value)}`;
}

function permissions(value) {
  const all = typeof value === "object" && value !== null ? Object.values(value) : [];
  const given = all.filter((on) => on === true).length;
  if (given === 0) return "no permissions";
  return given === all.length && given > 10 ? "all permissions" : `${given} of ${all.length} permissions`;
}

function place(name) {
  const at = ESSENTIAL.indexOf(name);
  return at < 0 ? ESSENTIAL.length : at;
}

function short(value) {
  const text = (typeof value === "string" ? value : JSON.stringify(value)).replace(/\s+/gu, " ");
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** How a call ended: in a word or two, and whether well. */
export function outcome(call) {
  // The result of a call in a webhook's reply is told to nobody.
  if (call.in_webhook_reply && call.status === 200) return { good: true, text: "ok, in the webhook's reply" };
  const good = call.status === 200 && !call.error && call.result !== undefined;
  const fault = call.fault ? ` (${call.fault})` : "";
  if (good) return { good: !call.fault, text: `ok${fault}` };
  if (call.status === 0) return { good: false, text: `no answer${fault}` };
  const missing = call.status === 404 && !call.fault ? ": this simulator does not have it" : "";
  return { good: false, text: `${call.error ?? call.status}${missing}${fault}` };
}
