// The world's own controls: its clock, and what goes wrong on purpose.

import * as api from "./api.js";
import { toast } from "./dialogs.js";
import { by, fill, h } from "./dom.js";
import { dateAndTime, now } from "./format.js";
import { state } from "./state.js";

const STEPS = [["1 minute", 60_000], ["1 hour", 3_600_000], ["1 day", 86_400_000]];
const FAULTS = [
  { label: "Telegram down", fault: { harm: "html502" } },
  { label: "Too many requests", fault: { harm: { error: { status: 429, error_code: 429, description: "Too Many Requests: retry after 5", parameters: { retry_after: 5 } } } } },
  { label: "Slow by 3 s", fault: { harm: { latency_ms: 3000 } } },
  { label: "Replies lost", fault: { harm: "cut", after_effect: true } },
];

export function start() {
  setInterval(tick, 1000);
}

function tick() {
  by("now").textContent = dateAndTime(now());
}

export function draw() {
  tick();
  const { faults } = state.view;
  fill(by("world"), faults.map(([number, fault]) => [number, fault.harm, fault.how_often]), () => [
    h("h2", {}, "World"),
    h("div", { class: "group", role: "group", "aria-label": "Move the clock forward" }, h("h3", {}, "Move the clock forward"),
      h("div", { class: "buttons start" }, STEPS.map(([label, ms]) => h("button", { type: "button", "data-f": label, on: { click: () => tried(api.advance(ms)) } }, `+ ${label}`)))),
    h("div", { class: "group", role: "group", "aria-label": "Faults" }, h("h3", {}, "What goes wrong on purpose"),
      h("div", { class: "buttons start" }, FAULTS.map(({ label, fault }) => h("button", { type: "button", "data-f": label, on: { click: () => tried(api.addFault(fault)) } }, label))),
      faults.length > 0 && h("ul", { class: "faults", "aria-label": "Faults in force" }, faults.map(inForce)),
      faults.length > 1 && h("button", { type: "button", "data-f": "end all", on: { click: () => tried(api.endFaults()) } }, "End all")),
  ]);
}

function inForce([number, fault]) {
  const label = describe(fault);
  return h("li", {}, h("span", {}, label), h("button", { type: "button", "aria-label": `End: ${label}`, "data-f": `end ${number}`, on: { click: () => tried(api.endFault(number)) } }, "End"));
}

function describe({ method, chat, user, how_often: often, harm }) {
  const known = FAULTS.find(({ fault }) => JSON.stringify(fault.harm) === JSON.stringify(harm))?.label;
  const where = [method, chat && `chat ${chat}`, user && `user ${user}`].filter(Boolean).join(", ");
  const times = often === "always" ? "" : ` (${JSON.stringify(often).replace(/["{}]/gu, "").replace(":", " ")})`;
  return `${known ?? JSON.stringify(harm)}${where ? ` on ${where}` : ""}${times}`;
}

const tried = (asked) => asked.catch(() => toast("The simulator does not answer."));
