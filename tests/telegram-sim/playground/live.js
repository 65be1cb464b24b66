// What happens, as it happens. A hidden window lets go of its connection: a browser gives one server only six.

import { by } from "./dom.js";

const AGAIN_MS = 2000;

/** Calls back with each call and each change, without a gap: after a cut it goes on from the last id it had. */
export function listen({ onCall, onWorld }) {
  let source;
  let last = "";

  function open() {
    const after = last ? `?${new URLSearchParams({ after: last })}` : "";
    source?.close();
    source = new EventSource(`/control/events${after}`);
    source.addEventListener("open", () => tell(""));
    source.addEventListener("error", lost);
    source.addEventListener("call", (event) => {
      last = event.lastEventId;
      onCall(JSON.parse(event.data), last.split("-")[0]);
    });
    source.addEventListener("world", (event) => onWorld(JSON.parse(event.data)));
  }

  function lost() {
    tell("Reconnecting…");
    // A refusal ends it for good, unlike a cut.
    if (source?.readyState === EventSource.CLOSED) setTimeout(() => !document.hidden && open(), AGAIN_MS);
  }

  document.addEventListener("visibilitychange", () => {
    source?.close();
    source = undefined;
    if (!document.hidden) open();
  });
  // A page that is left must not keep its connection until it is thrown away.
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => event.persisted && open());
  open();
}

function tell(text) {
  by("link").textContent = text;
}
