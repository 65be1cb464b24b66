// From adding the bot to the first verification, as somebody who has never seen it: new_admin.mjs URL FOLDER. They do only what the bot says next; the
// number of acts and the seconds are printed; pictures of what they saw are left in FOLDER.
import assert from "node:assert/strict";
import { gone, messages, open, picture, play, said, there, windowOf, write } from "./browser.mjs";

const GROUP = "Reading Circle";
const CHANNEL = "Nadia's Books";
let acts = 0;
let begun = 0;

/** Everything that a person does with the bot is one of these, and counted. */
async function does(act) {
  acts += 1;
  await act;
}

const press = (page, text, button) => does(said(page, text).getByRole("button", { name: button }).last().click());

async function isSomebody(page, name) {
  await page.getByRole("button", { name: "New person", exact: true }).click();
  await page.getByRole("dialog").getByLabel("First name").fill(name);
  await page.getByRole("dialog").getByRole("button", { name: "Make" }).click();
  await there(page.getByText(`You are ${name} now.`));
}

async function makes(page, kind, title, username) {
  await page.getByRole("button", { name: "New chat" }).click();
  await page.getByRole("menuitem", { name: kind, exact: true }).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("Title").fill(title);
  await form.getByLabel("Public name").fill(username);
  await form.getByLabel("The bot is an admin here").uncheck();
  await form.getByRole("button", { name: "Make" }).click();
  await there(page.getByRole("heading", { level: 1, name: title }));
}

/** The dialogue that Telegram opens for a link that adds the bot: all is ticked that is needed. */
async function addsAsAdmin(page, title) {
  const form = page.getByRole("dialog", { name: "Add the bot to a" });
  await form.getByRole("combobox").selectOption({ label: title });
  await does(form.getByRole("button", { name: "Add as admin" }).click());
  await gone(form);
}

await play({
  "Nadia has a group with Ann in it, and a channel; the bot is in neither": async ({ nadia, ann }) => {
    await isSomebody(nadia, "Nadia");
    await makes(nadia, "New channel", CHANNEL, "nadias_books");
    await makes(nadia, "New group", GROUP, "reading_circle");
    await isSomebody(ann, "Ann");
    await open(ann, GROUP);
    await ann.getByRole("button", { name: "Join", exact: true }).click();
    await there(ann.getByRole("textbox", { name: "Message" }));
  },

  "she adds the bot as she would any member, and it says what is next": async ({ nadia }) => {
    begun = Date.now();
    await nadia.getByRole("button", { name: "Chat menu" }).click();
    await nadia.getByRole("menuitem", { name: "Settings" }).click();
    await does(nadia.getByRole("button", { name: "Add as plain member" }).click());
    await nadia.keyboard.press("Escape");
    await there(said(nadia, "Next step: make me an admin here"));
    await picture(nadia, "new-admin-1-greeting");
  },

  "she makes it an admin": async ({ nadia }) => {
    await press(nadia, "Next step", /Make me an admin/);
    await picture(nadia, "new-admin-2-rights");
    await addsAsAdmin(nadia, GROUP);
    await there(said(nadia, "Next step: press Set up"));
  },

  "she sets up: the list asks for the channel": async ({ nadia }) => {
    await press(nadia, "Next step", "Set up");
    await there(said(nadia, "The channel: none chosen yet"));
    await picture(nadia, "new-admin-3-list");
    await press(nadia, "Setting up", "Choose the channel");
    await there(said(nadia, "Which channel do people have to subscribe to?"));
  },

  "she mistypes its name, and is told": async ({ nadia }) => {
    await answers(nadia, "@nadia_books");
    await there(said(nadia, "I cannot find a channel called @nadia_books."));
    await picture(nadia, "new-admin-4-typo");
  },

  "she has not added the bot there, and a button does": async ({ nadia }) => {
    await answers(nadia, "@nadias_books");
    await there(said(nadia, `I am not an admin in ${CHANNEL}.`));
    await picture(nadia, "new-admin-5-channel");
    await press(nadia, "I am not an admin in", /Add me to the channel/);
    await addsAsAdmin(nadia, CHANNEL);
    await press(nadia, "I am not an admin in", "Try again");
    await there(messages(nadia).getByText("Done! From now on only subscribers"));
    await gone(said(nadia, "Next step"));
    await picture(nadia, "new-admin-6-done");
  },

  "Ann writes, is shown where to join, joins and writes": async ({ nadia, ann }) => {
    await write(ann, "Good evening!");
    await there(said(ann, "Ann, to write in"));
    await picture(ann, "new-admin-7-warned");
    await press(ann, "Ann, to write in", /Join Channel/);
    await does(ann.getByRole("button", { name: "Join", exact: true }).click());
    await open(ann, GROUP);
    await gone(said(ann, "Ann, to write in"));
    await write(ann, "Thank you!");
    await there(said(nadia, "Thank you!"));
    await picture(nadia, "new-admin-8-verified");
    const seconds = (Date.now() - begun) / 1000;
    assert.ok(seconds < 120, `${seconds} s`);
    console.log(`${acts} acts, ${seconds.toFixed(1)} s`);
  },
}, { nadia: await windowOf("Nadia"), ann: await windowOf("Ann") });

/** In reply to the page that asks for the channel. */
async function answers(page, text) {
  await said(page, "Which channel do people").getByRole("button", { name: /^Actions/ }).first().click();
  await page.getByRole("menuitem", { name: "Reply" }).click();
  await does(write(page, text));
}
