// Starts the page, and keeps it as the world is.

import * as calls from "./calls.js";
import * as chat from "./chat.js";
import * as chats from "./chats.js";
import * as composer from "./composer.js";
import { toast, updateSheet } from "./dialogs.js";
import { setBot } from "./dom.js";
import { now } from "./format.js";
import { listen } from "./live.js";
import * as people from "./people.js";
import { go, onChange, readAddress, refresh, state } from "./state.js";
import * as world from "./world.js";

const parts = [people, chats, chat, composer, world];

function draw() {
  const { view } = state;
  if (!view) return;
  if (state.as && !view.me) {
    toast("There is nobody of that number here.");
    go({ as: null });
    return;
  }
  setBot(view.bot.id);
  document.title = view.chat ? `${view.chat.title}${view.me ? `, as ${view.me.name}` : ""}` : "Playground";
  for (const part of parts) part.draw();
  calls.draw();
  updateSheet();
  wakeAtEnd(view);
}

let alarm;

/** What ends by its date makes no event, so look again then. */
function wakeAtEnd({ chat: open }) {
  clearTimeout(alarm);
  const ends = [open?.may.write.until, ...(open?.members_seen ?? []).map((member) => member.until)];
  const next = Math.min(...ends.filter((end) => end && end * 1000 > now()));
  const wait = next * 1000 - now() + 50;
  // Longer waits than a timer can hold are somebody else's day.
  if (wait < 2 ** 31) alarm = setTimeout(refresh, wait);
}

for (const part of [people, chats, chat, composer, calls, world]) part.start();
onChange(draw);
readAddress();
addEventListener("popstate", () => {
  readAddress();
  refresh();
});
listen({
  onCall: calls.add,
  onWorld: (news) => {
    calls.keep(news);
    refresh();
  },
});
refresh();
