// The control API, as the page uses it.

async function ask(path, options = {}) {
  const response = await fetch(`/control${path}`, { cache: "no-store", ...options });
  if (!response.ok) throw new Error(`${response.status} ${(await response.text()).slice(0, 200)}`);
  return response.json();
}

const send = (method, body) => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: body === undefined ? undefined : JSON.stringify(body),
});

/** Everything there is to show. */
export function view({ as, chat, messages }) {
  const query = new URLSearchParams();
  if (as) query.set("as", as);
  if (chat) query.set("chat", chat);
  if (messages) query.set("messages", messages);
  return ask(`/view?${query}`);
}

/** One act; gives `{done}` or `{refused}`. */
export const attempt = (act) => ask("/tries", send("POST", act));

/** Where a link or mention leads. */
export const resolve = (url) => ask(`/links?${new URLSearchParams({ url })}`);

export const advance = (ms) => ask("/clock", send("POST", { advance_ms: ms }));
export const addFault = (fault) => ask("/faults", send("POST", fault));
export const endFault = (number) => ask(`/faults/${number}`, { method: "DELETE" });
export const endFaults = () => ask("/faults", { method: "DELETE" });
export const clearCalls = () => ask("/calls", { method: "DELETE" });
