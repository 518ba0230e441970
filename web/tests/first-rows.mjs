// Prints the seconds from the address to a usable inventory, the median of five: for
// `cargo xtask bench`.
import { chromium } from "playwright-core";

const url = process.env.MESHSYNC_WEB_URL;
const browser = await chromium.launch({
  executablePath: process.env.MESHSYNC_CHROMIUM,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const taken = [];
for (let round = 0; round < 5; round += 1) {
  // Nothing is kept from the round before.
  const context = await browser.newContext({ viewport: { width: 1440, height: 960 } });
  const page = await context.newPage();
  // The page's own clock begins with its address.
  await page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (document.querySelectorAll("tbody tr").length >= 50) {
        observer.disconnect();
        // Painted, and ready for what comes next.
        requestAnimationFrame(() => setTimeout(() => (globalThis.usableAt = performance.now())));
      }
    }).observe(document, { childList: true, subtree: true });
  });
  await page.goto(`${url}/#/inventory`);
  await page.waitForFunction(() => globalThis.usableAt !== undefined);
  taken.push(await page.evaluate(() => globalThis.usableAt));
  await context.close();
}
await browser.close();
taken.sort((a, b) => a - b);
console.log((taken[2] / 1000).toFixed(3));
