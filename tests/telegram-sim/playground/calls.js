// The bot's calls, live: each in a line, and in full on demand.

import { clearCalls } from "./api.js";
import { by, fill, h, sync } from "./dom.js";
import { argumentsLine, count, exactTime, outcome } from "./format.js";
import { state } from "./state.js";

/** Kept and shown; a busy bot makes more, and nobody reads them. */
const KEPT = 2000;
const SHOWN = 200;

let calls = [];
let run;
let paused;
const open = new Set();
const filter = { here: false, polling: false, method: "" };
let drawing = false;

export function start() {
  drawTools();
  drawMethods();
  const toggle = by("show-calls");
  toggle.addEventListener("click", () => show(toggle.getAttribute("aria-expanded") !== "true"));
  by("close-side").addEventListener("click", () => show(false));
  by("side").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isDrawer()) show(false);
  });
  by("side").toggleAttribute("data-open", !isDrawer());
  toggle.setAttribute("aria-expanded", String(!isDrawer()));
}

/** On a narrow screen the panel lies over the chat. */
const isDrawer = () => matchMedia("(max-width: 1099px)").matches;

function show(on) {
  by("side").toggleAttribute("data-open", on);
  by("show-calls").setAttribute("aria-expanded", String(on));
  if (on && isDrawer()) by("close-side").focus();
  if (!on) by("show-calls").focus();
}

export function add(call, of) {
  calls.push({ ...call, run: of });
  if (calls.length > KEPT) calls = calls.slice(-KEPT);
  drawSoon();
}

/** What the simulator still has; another run of it has other calls. */
export function keep({ run: current, first_call: first }) {
  run = String(current);
  if (calls.some((call) => call.run !== run || call.number < first)) {
    calls = calls.filter((call) => call.run === run && call.number >= first);
  }
  drawSoon();
}

function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function drawTools() {
  const box = (key, label) => h("label", { class: "check" }, h("input", { type: "checkbox", on: { change: (event) => choose(key, event.target.checked) } }), h("span", {}, label));
  const pause = h("button", { type: "button", "aria-pressed": "false", on: { click: () => setPaused(pause) } }, "Pause");
  by("call-tools").replaceChildren(
    box("here", "Only this chat"),
    box("polling", "Polling too"),
    h("label", {}, h("span", { class: "sr" }, "Method"), h("select", { id: "call-method", on: { change: (event) => choose("method", event.target.value) } })),
    pause,
    h("button", { type: "button", on: { click: clearCalls } }, "Clear"),
  );
}

function choose(key, value) {
  filter[key] = value;
  draw();
}

function setPaused(button) {
  paused = paused === undefined ? calls.at(-1)?.number ?? 0 : undefined;
  button.setAttribute("aria-pressed", String(paused !== undefined));
  draw();
}

function wanted(call) {
  if (filter.method ? call.method !== filter.method : call.method === "getUpdates" && !filter.polling && call.status === 200) return false;
  return !filter.here || isHere(call);
}

function isHere({ args, result }) {
  const { chat } = state;
  const named = state.view?.chat?.username;
  return String(args.chat_id) === String(chat) || (named && args.chat_id === `@${named}`) || result?.chat?.id === chat;
}

/** What a chat or person is called, if the page lists them. */
function called(id) {
  const known = (all, title) => all.find((one) => String(one.id) === String(id))?.[title];
  const { chats, people, bot } = state.view;
  return known(chats, "title") ?? known([...people, bot], "name");
}

export function draw() {
  if (!state.view) return;
  const all = calls.filter(wanted);
  const shown = paused === undefined ? all : all.filter((call) => call.number <= paused);
  const waiting = all.length - shown.length;
  const beyond = Math.max(0, shown.length - SHOWN);
  by("call-count").textContent = [
    calls.length === 0 ? `None yet: start a bot on ${location.origin} with the token ${state.view.token}` : all.length === 0 ? "None of these" : count(shown.length, "call", "calls"),
    waiting > 0 && `${waiting} more since the pause`,
    beyond > 0 && `the newest ${SHOWN} are shown`,
  ].filter(Boolean).join(", ");
  drawMethods();
  sync(by("call-list"), shown.slice(-SHOWN).reverse(), {
    key: (call) => `${call.run} ${call.number}`,
    signature: (call) => `${open.has(call.number)} ${argumentsLine(call.args, called)}`,
    build: line,
  });
}

function drawMethods() {
  const picker = by("call-method");
  const methods = [...new Set(calls.map((call) => call.method))].sort();
  fill(picker, methods, () => [h("option", { value: "" }, "All methods"), methods.map((method) => h("option", { value: method }, method))]);
  if (!methods.includes(filter.method)) filter.method = "";
  picker.value = filter.method;
}

function line(call) {
  const isOpen = open.has(call.number);
  const end = outcome(call);
  const toggle = () => {
    if (!open.delete(call.number)) open.add(call.number);
    draw();
  };
  return h("li", { class: `call ${end.good ? "good" : "bad"}` },
    h("button", { type: "button", class: "summary", "aria-expanded": String(isOpen), "data-f": `call ${call.number}`, on: { click: toggle } },
      h("span", { class: "row" }, h("time", {}, exactTime(call.at_ms)), " ", h("b", {}, call.method), " ", h("span", { class: "took" }, `${call.took_ms} ms`)),
      h("span", { class: "args", dir: "auto" }, argumentsLine(call.args, called)),
      h("span", { class: "outcome", dir: "auto" }, end.text),
    ),
    isOpen && h("div", { class: "full" }, json("Arguments", call.args), call.result !== undefined && json("Result", call.result)),
  );
}

const json = (title, value) => [h("h4", {}, title), h("pre", { tabindex: "0", dir: "ltr" }, JSON.stringify(value, null, 2))];

