// Chromium and the playground in it: windows of people, what they see there, and what they click.
import { createRequire } from "node:module";
import assert from "node:assert/strict";
import path from "node:path";

const [playground, folder] = process.argv.slice(2);
const { chromium } = createRequire(path.join(process.env.PLAYWRIGHT, "package.json"))("playwright-core");
export const WIDE = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 740 };

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM });
const complaints = [];

/** A window of its own, as somebody: other cookies, other colours, nothing shared but the world. */
export async function windowOf(name, { viewport = WIDE, colorScheme = "light" } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("console", (line) => ["error", "warning"].includes(line.type()) && complaints.push(`${name}: ${line.text()}`));
  page.on("pageerror", (error) => complaints.push(`${name}: ${error.stack}`));
  page.on("requestfailed", (request) => {
    // A stream that ends with its window is no fault.
    if (request.failure()?.errorText !== "net::ERR_ABORTED") complaints.push(`${name}: ${request.url()} ${request.failure()?.errorText}`);
  });
  await page.goto(playground);
  return page;
}

export const messages = (page) => page.getByRole("log", { name: "Messages" });
export const said = (page, text) => messages(page).getByRole("article").filter({ hasText: text });
export const be = (page, name) => page.getByRole("combobox", { name: "You are" }).selectOption({ label: name });
export const there = (locator) => locator.first().waitFor();
export const gone = (locator) => locator.first().waitFor({ state: "detached" });
export const picture = (page, name) => page.screenshot({ path: path.join(folder, `${name}.png`) });

export async function open(page, title) {
  await page.getByRole("navigation", { name: "Chats" }).getByRole("link", { name: title }).click();
  await there(page.getByRole("heading", { level: 1, name: title }));
}

export async function write(page, text) {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

export async function fits(page, what) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `${what} is ${over} px wider than the screen`);
}

/** Does one step after another, and ends the program: with 1 at the first that fails, or if the page complained. */
export async function play(steps, windows) {
  let failed = false;
  for (const [what, step] of Object.entries(steps)) {
    try {
      await step(windows);
      console.log(`ok: ${what}`);
    } catch (error) {
      failed = true;
      console.log(`FAILED: ${what}\n${error.stack}`);
      for (const [name, page] of Object.entries(windows)) await picture(page, `failed-${name}`);
      break;
    }
  }
  await browser.close();
  for (const complaint of complaints) console.log(`COMPLAINT: ${complaint}`);
  process.exitCode = failed || complaints.length > 0 ? 1 : 0;
}
