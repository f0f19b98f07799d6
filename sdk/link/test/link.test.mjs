// Links accounts in a real browser, in every way the SDK offers and through every end a link can have.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { resultFromUrl } from "../sando-link.js";
import { keep, startAuth, startBrowser, startProduct } from "./stage.mjs";

let auth, product, browser;

before(async () => {
  [auth, product, browser] = await Promise.all([startAuth(), startProduct(), startBrowser()]);
  await auth.allow(product.origin);
}, { timeout: 300_000 });

after(async () => {
  await Promise.allSettled([browser?.stop(), product?.stop(), auth?.stop()]);
});

/** Opens the product's page. */
async function openProduct() {
  const page = await browser.context.newPage();
  page.setDefaultTimeout(10_000);
  await page.goto(product.origin);
  await page.waitForFunction(() => window.link);
  return page;
}

/** Starts a link from a click and keeps how it ends in window.outcome. */
async function begin(page, token, options = {}) {
  await page.evaluate(({ token, options }) => {
    document.getElementById("connect").onclick = () => {
      window.outcome = window.link.authenticate(token, options).then(
        (value) => ({ value }),
        (reason) => ({ reason: reason.error_type ?? reason }),
      );
    };
  }, { token, options: { baseUrl: auth.baseUrl, ...options } });
  await page.click("#connect");
}

const outcome = (page) => page.evaluate(() => window.outcome);

/** The link page within the product's page. */
async function framed(page) {
  const element = await page.waitForSelector("iframe");
  return element.contentFrame();
}

async function popup(page, token, options) {
  const opening = page.waitForEvent("popup");
  await begin(page, token, { popup: true, ...options });
  return opening;
}

async function submit(frame, key) {
  await frame.fill("#field-api_key", key);
  await frame.click("button[type=submit]");
}

test("links in a dialog", async () => {
  const page = await openProduct();
  await begin(page, await auth.link());
  const frame = await framed(page);
  await frame.waitForSelector("[data-state=form]");
  assert.doesNotMatch(frame.url(), /sando_link_/, "the token stays in the URL");
  assert.equal(await frame.evaluate(() => document.activeElement.id), "field-api_key");
  await keep(page, "dialog");
  await submit(frame, "good-key");
  const { value } = await outcome(page);
  assert.equal(value.result, "success");
  assert.equal(value.integration, "torii");
  const account = await auth.call("GET", `/integrated-account/${value.integrated_account_id}`);
  assert.equal(account.status, "active");
  assert.equal(await page.locator("iframe").count(), 0, "the dialog is gone");
  await page.close();
});

test("links in a popup, after a wrong key", async () => {
  const page = await openProduct();
  const opened = await popup(page, await auth.link());
  await submit(opened, "wrong-key");
  await opened.waitForSelector("[role=alert]");
  assert.match(await opened.textContent("[role=alert]"), /did not accept this credential.*the API key is not valid/);
  assert.equal(await opened.inputValue("#field-api_key"), "", "what was typed is not shown again");
  assert.equal(await opened.getAttribute("#field-api_key", "aria-invalid"), "true");
  assert.match(await opened.getAttribute("#field-api_key", "aria-describedby"), /\bproblem$/, "who comes to the field hears what is wrong");
  await keep(opened, "wrong-key");
  await submit(opened, "good-key");
  assert.equal((await outcome(page)).value.result, "success");
  await page.close();
});

test("the provider cannot be reached", async () => {
  const page = await browser.context.newPage();
  await page.goto(`${auth.baseUrl}/connect?link_token=${await auth.link()}`);
  await submit(page, "away-key");
  await page.waitForSelector("[role=alert]");
  assert.match(await page.textContent("[role=alert]"), /nothing was stored.*try again/);
  assert.equal(await page.getAttribute("#field-api_key", "aria-invalid"), null, "the key may well be right");
  await keep(page, "unreachable");
  await submit(page, "good-key"); // the same link goes on
  await page.waitForSelector("[data-state=success]");
  await page.close();
});

test("reconnects and keeps the account", async () => {
  const page = await openProduct();
  await begin(page, await auth.link());
  await submit(await framed(page), "good-key");
  const first = (await outcome(page)).value;
  await begin(page, await auth.link({ integrated_account_id: first.integrated_account_id }));
  const frame = await framed(page);
  await frame.waitForSelector("text=Reconnect Torii to Acme");
  await keep(page, "reconnect");
  await submit(frame, "good-key-2");
  assert.equal((await outcome(page)).value.integrated_account_id, first.integrated_account_id);
  await page.close();
});

test("a popup that is closed", async () => {
  const page = await openProduct();
  const opened = await popup(page, await auth.link());
  await opened.waitForSelector("[data-state=form]");
  await opened.close();
  assert.equal((await outcome(page)).reason, "closed");
  await keep(page, "closed-window");
  await page.close();
});

test("a dialog that is cancelled, by its link and by Escape", async () => {
  const page = await openProduct();
  await begin(page, await auth.link());
  await (await framed(page)).click("text=Cancel");
  assert.equal((await outcome(page)).reason, "closed");

  await begin(page, await auth.link());
  await (await framed(page)).press("#field-api_key", "Escape");
  assert.equal((await outcome(page)).reason, "closed");
  await page.close();
});

test("noBack leaves no way to cancel", async () => {
  const page = await openProduct();
  await begin(page, await auth.link(), { noBack: true });
  const frame = await framed(page);
  await frame.waitForSelector("[data-state=form]");
  assert.equal(await frame.locator("text=Cancel").count(), 0);
  await page.close();
});

test("a popup that the browser blocks", async () => {
  const page = await openProduct();
  const reason = await page.evaluate(async ({ token, baseUrl }) => {
    const refusing = new Proxy(window, {
      get: (target, name) => {
        const value = Reflect.get(target, name);
        if (name === "open") return () => null; // what a browser answers that blocks it
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    return window.link.authenticate(token, { baseUrl, popup: true, window: refusing }).catch((why) => why);
  }, { token: await auth.link(), baseUrl: auth.baseUrl });
  assert.equal(reason, "blocked");
  await keep(page, "blocked-popup");
  await page.close();
});

test("the same window, and back", async () => {
  const page = await openProduct();
  const token = await auth.link({ tenant_id: "tenant-1", redirect_uri: `${product.origin}/done` });
  await begin(page, token, { sameWindow: true });
  await page.waitForSelector("[data-state=form]");
  await keep(page, "same-window");
  await submit(page, "good-key");
  await page.waitForURL(`${product.origin}/done?*`);
  const result = resultFromUrl(page.url());
  assert.equal(result.result, "success");
  assert.ok(result.integrated_account_id);
  assert.equal(resultFromUrl(`${product.origin}/done`), null);
  await page.close();
});

test("an origin that is not listed is told nothing", async () => {
  const stranger = await startProduct();
  const page = await browser.context.newPage();
  await page.goto(stranger.origin);
  await page.waitForFunction(() => window.link);
  const opened = await popup(page, await auth.link());
  await submit(opened, "good-key");
  await opened.waitForSelector("[data-state=success]");
  await keep(opened, "success");
  await opened.close();
  assert.equal((await outcome(page)).reason, "closed", "it learns no more than that the window is gone");

  const refused = page.waitForEvent("console", (line) => /frame-ancestors/.test(line.text()));
  await begin(page, await auth.link());
  await refused;
  const frame = await framed(page);
  assert.equal(await frame.locator("[data-state=form]").count(), 0, "the page shows in a frame of a stranger");
  await page.close();
  await stranger.stop();
});

test("works without JavaScript", async () => {
  const token = await auth.link();
  const answer = await fetch(`${auth.baseUrl}/connect?link_token=${token}`);
  const html = await answer.text();
  const handle = /name="handle" value="([^"]+)"/.exec(html)[1];
  const sent = await fetch(answer.url, {
    method: "POST",
    body: new URLSearchParams({ handle, "field.api_key": "good-key" }),
  });
  assert.match(await sent.text(), /data-state="success"/);
});

test("forms are named, described and reachable by keyboard", async () => {
  const page = await browser.context.newPage();
  await page.goto(`${auth.baseUrl}/connect?link_token=${await auth.link()}`);
  const field = page.getByLabel("Torii API key");
  const described = await field.getAttribute("aria-describedby");
  assert.match(await page.textContent(`#${described.trim()}`), /API Access/);
  assert.equal(await page.getAttribute("html", "lang"), "en");
  assert.equal(await page.locator("h1").count(), 1);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Connect");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel");
  await page.close();
});

test("an expired link", async () => { // last: it moves the clock
  const token = await auth.link();
  auth.advance("169h");
  const page = await openProduct();
  await begin(page, token);
  assert.equal((await outcome(page)).reason, "link_expired");
  const direct = await browser.context.newPage();
  const answer = await direct.goto(`${auth.baseUrl}/connect?link_token=${token}`);
  assert.equal(answer.status(), 410);
  assert.match(await direct.textContent("h1"), /expired/);
  await keep(direct, "expired");
  await direct.close();
  await page.close();
});
