// What a person does with the page, in a real browser: run by `bins/meshsync/tests/web`, against a
// page at $MESHSYNC_WEB_URL, with the Chromium at $MESHSYNC_CHROMIUM. Pictures go to
// $MESHSYNC_WEB_PICTURES.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const url = process.env.MESHSYNC_WEB_URL;
const pictures = process.env.MESHSYNC_WEB_PICTURES;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Everything a page takes on a busy machine.
const DEADLINE_MS = 60_000;

// Where Chromium would call home if it could.
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let browser;
// What must stay empty, over all tests.
const foreign = [];
const complaints = [];

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.MESHSYNC_CHROMIUM, args: QUIET });
});

after(async () => {
  await browser?.close();
});

async function open(t, path, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 960 },
    colorScheme: "light",
    bypassCSP: false,
    ...options,
  });
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) foreign.push(request.url());
  });
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(`${url}${path}`);
  return page;
}

async function picture(page, name) {
  if (pictures) await page.screenshot({ path: `${pictures}/${name}.png` });
}

// The page forbids scripts from elsewhere, so axe comes in through the debugger.
async function accessible(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const said = serious.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).slice(0, 3).join(" | ")}`);
  assert.deepEqual(said, [], `${name} is accessible`);
}

test("the overview says what is there, in light and dark", async (t) => {
  for (const colorScheme of ["light", "dark"]) {
    const page = await open(t, "/", { colorScheme });
    await page.getByText("In sync", { exact: true }).waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    await page.locator(".treemap .leaf").first().waitFor();
    assert.ok((await page.locator(".treemap .leaf").count()) > 20);
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [red] = background.match(/\d+/g).map(Number);
    assert.equal(red > 128, colorScheme === "light", background);
    await accessible(page, `overview, ${colorScheme}`);
    await page.locator(".feed li").nth(4).waitFor();
    await picture(page, `overview-${colorScheme}`);
    await page.getByRole("button", { name: "By namespace" }).click();
    await page.locator(".treemap .branch").first().waitFor();
    await picture(page, `overview-namespaces-${colorScheme}`);
  }
});

test("the treemap leads to the objects it stands for", async (t) => {
  const page = await open(t, "/");
  const leaf = page.locator(".treemap .leaf").first();
  const [, objects] = /: ([\d,]+) object/.exec(await leaf.getAttribute("title"));
  await leaf.click();
  await page.getByRole("heading", { name: "Inventory" }).waitFor();
  await page.getByRole("row").nth(1).waitFor();
  const said = await page.locator(".title p").innerText();
  // Other pods come and go meanwhile.
  const [told, counted] = [objects, said].map((text) => Number(/[\d,]+/.exec(text)[0].replaceAll(",", "")));
  assert.ok(Math.abs(told - counted) <= 20, `${told} and ${counted}`);
});

test("the inventory is searched, filtered and paged", async (t) => {
  const page = await open(t, "/#/inventory");
  await page.getByRole("row").nth(50).waitFor();
  await accessible(page, "inventory");
  await picture(page, "inventory");
  const first = await page.getByRole("rowheader").first().innerText();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText(/^51–100 of/).waitFor();
  // The rows come a moment after the number of the page.
  await page.waitForFunction((name) => document.querySelector("tbody th").innerText !== name, first);
  await page.getByRole("button", { name: "Previous" }).click();
  await page.getByText(/^1–50 of/).waitFor();
  // The shortcut, then words.
  await page.locator("main").click();
  await page.keyboard.press("/");
  await page.keyboard.type("deployment checkout");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => {
    const rows = [...document.querySelectorAll("tbody tr")].map((row) => row.textContent);
    return rows.length > 0 && rows.every((row) => /checkout/.test(row) && /Deployment/.test(row));
  });
  await picture(page, "inventory-search");
  await page.getByRole("searchbox", { name: "Search" }).fill("no such thing anywhere");
  await page.getByText("Nothing matches").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByRole("combobox", { name: "Kind" }).selectOption("secrets");
  await page.waitForFunction(() => {
    const rows = [...document.querySelectorAll("tbody tr")];
    return rows.length > 0 && rows.every((row) => row.textContent.startsWith("Secret"));
  });
});

test("an object shows its YAML, labels and owners", async (t) => {
  const page = await open(t, "/#/inventory?resource=pods&q=checkout");
  await page.getByRole("rowheader").first().getByRole("link").click();
  await page.getByRole("region", { name: "Text of the object" }).waitFor();
  const yaml = await page.getByRole("region", { name: "Text of the object" }).innerText();
  assert.match(yaml, /^apiVersion: v1\nkind: Pod\n/);
  assert.doesNotMatch(yaml, /managedFields/);
  await page.getByRole("heading", { name: "Labels" }).waitFor();
  await accessible(page, "object");
  await picture(page, "object");
  await page.getByRole("region", { name: "Owned by" }).getByRole("link").click();
  await page.getByRole("region", { name: "Owns" }).waitFor();
  await page.locator(".labels a").first().click();
  await page.getByRole("heading", { name: "Inventory" }).waitFor();
  await page.getByRole("row").nth(1).waitFor();
});

test("values of Secrets are not shown", async (t) => {
  const page = await open(t, "/#/inventory?resource=secrets");
  await page.getByRole("rowheader").first().getByRole("link").click();
  await page.getByText("values are not shown").waitFor();
  const yaml = await page.getByRole("region", { name: "Text of the object" }).innerText();
  const values = /\ndata:\n((?: {2}.*\n)+)/.exec(yaml)?.[1] ?? "";
  for (const line of values.trim().split("\n").filter(Boolean)) {
    assert.match(line, /: "?W1JFREFDVEVEXQ=="?$/, "redacted");
  }
});

test("what is installed is told, with the reasons", async (t) => {
  const page = await open(t, "/#/installed");
  const card = page.locator(".product").filter({ has: page.getByRole("heading", { name: "Argo CD", exact: true }) });
  await card.waitFor();
  await card.getByText("Because").click();
  await card.locator(".because li").first().waitFor();
  await accessible(page, "installed");
  await picture(page, "installed");
  await page.getByRole("searchbox", { name: "Filter" }).fill("argo");
  await page.waitForFunction(() => document.querySelectorAll(".product").length < 4);
  await card.getByRole("link", { name: "Topology of" }).click();
  await page.locator(".node").first().waitFor();
  await picture(page, "topology-product");
});

test("a namespace is drawn", async (t) => {
  const page = await open(t, "/#/topology");
  await page.locator(".node").nth(5).waitFor();
  assert.ok((await page.locator(".line").count()) > 3);
  await accessible(page, "topology");
  await picture(page, "topology");
  const node = page.locator(".node").first();
  await node.focus();
  await page.locator("svg.near").waitFor();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => !location.hash.startsWith("#/topology"));
});

test("changes come by themselves, are filtered and stand still on request", async (t) => {
  const page = await open(t, "/#/changes");
  const newest = () => page.locator(".feed li").first().innerText();
  await page.locator(".feed li").nth(3).waitFor();
  const before = await newest();
  await page.waitForFunction((text) => document.querySelector(".feed li").innerText !== text, before);
  await accessible(page, "changes");
  await picture(page, "changes");
  await page.getByRole("button", { name: "Pause" }).click();
  const still = await newest();
  await page.getByRole("button", { name: /Go on \(\d+ new\)/ }).waitFor();
  assert.equal(await newest(), still);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.waitForFunction((text) => document.querySelector(".feed li").innerText !== text, still);
  await page.getByRole("searchbox", { name: "Filter" }).fill("pod");
  await page.waitForFunction(() => [...document.querySelectorAll(".feed li")].every((row) => /pod/i.test(row.textContent)));
});

test("subscriptions and configuration are told", async (t) => {
  const page = await open(t, "/#/subscriptions");
  await page.getByRole("rowheader", { name: "pods", exact: true }).waitFor();
  await accessible(page, "subscriptions");
  await picture(page, "subscriptions");
  await page.getByRole("link", { name: "Configuration", exact: true }).click();
  await page.getByText("redacted", { exact: true }).waitFor();
  await accessible(page, "configuration");
  await picture(page, "configuration");
});

test("a small screen and the keyboard alone will do", async (t) => {
  const page = await open(t, "/", { viewport: { width: 390, height: 800 } });
  await page.locator(".treemap .leaf").first().waitFor();
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${overflow} px too wide`);
  await picture(page, "overview-small");
  await page.keyboard.press("Tab");
  const focused = await page.evaluate(() => document.activeElement.textContent);
  assert.match(focused, /Skip to content/);
});

test("nothing was asked of anybody else, and nothing was complained about", () => {
  assert.deepEqual(foreign, []);
  assert.deepEqual(complaints, []);
});
