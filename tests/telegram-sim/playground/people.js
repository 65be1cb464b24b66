// Who one is: the picker, and making new people.

import { ask, toast } from "./dialogs.js";
import { by, fill, h, plainName } from "./dom.js";
import { act, address, go, state } from "./state.js";

export function start() {
  by("person").addEventListener("change", (event) => go({ as: Number(event.target.value) || null }));
  by("new-person").addEventListener("click", newPerson);
}

export function draw() {
  const { people, more_people: more, me } = state.view;
  const picker = by("person");
  const listed = me && !people.some((person) => person.id === me.id) ? [me, ...people] : people;
  fill(picker, [listed, more], () => [
    h("option", { value: "" }, "Nobody, just watching"),
    listed.map((person) => h("option", { value: person.id }, label(person, listed))),
    more > 0 && h("option", { disabled: true }, `and ${more} more (put a number into the address)`),
  ]);
  picker.value = me ? String(me.id) : "";
  by("window").setAttribute("href", address({ as: null }));
}

/** Names need not differ; numbers do. */
function label(person, all) {
  const same = all.filter((other) => other.name === person.name).length > 1;
  return `${plainName(person.name)}${person.is_bot ? " (a bot)" : ""}${same ? ` (${person.id})` : ""}`;
}

export function newPerson() {
  const fields = [
    { name: "first_name", label: "First name", required: true, max: 64 },
    { name: "last_name", label: "Last name (may be empty)", max: 64 },
    { name: "username", label: "Username without @ (may be empty)", max: 32, pattern: "[A-Za-z0-9_]{4,32}", title: "4 to 32 letters, digits or _" },
  ];
  ask("New person", fields, "Make", async ({ first_name, last_name, username }) => {
    if (!first_name) return false;
    const person = await act({ act: "person", first_name, last_name: last_name || null, username: username || null });
    if (person === undefined) return false;
    await go({ as: person });
    toast(`You are ${first_name} now.`);
    return true;
  });
}
