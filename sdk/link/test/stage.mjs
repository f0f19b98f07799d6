// What the tests stand on: sando's link page, the product that embeds it, and a browser.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const here = import.meta.dirname;

/** Starts auth with a stand-in provider. */
export async function startAuth() {
  const child = spawn("go", ["run", "./internal/pagestage"], {
    cwd: join(here, "../../../services/auth"),
    stdio: ["pipe", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await once(lines, "line", { signal: AbortSignal.timeout(240_000) });
  const { base_url: baseUrl, api_token: token, environment_id: environment } = JSON.parse(line);
  const call = async (method, path, body) => {
    const answer = await fetch(baseUrl + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  return {
    baseUrl,
    call,
    link: async (body = { tenant_id: "tenant-1" }) => (await call("POST", "/link-token", body)).link_token,
    allow: (origin) =>
      call("PATCH", `/environment/${environment}`, {
        allowed_frame_origins: [origin],
        allowed_redirect_uris: [`${origin}/done`],
      }),
    advance: (duration) => child.stdin.write(`advance ${duration}\n`),
    stop: async () => {
      child.stdin.end();
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}

/** Serves the product's own page, which has the SDK and nothing else. */
export async function startProduct() {
  const server = createServer((request, response) => {
    if (request.url.startsWith("/sando-link.js")) {
      response.setHeader("Content-Type", "text/javascript");
      createReadStream(join(here, "../sando-link.js")).pipe(response);
      return;
    }
    response.setHeader("Content-Type", "text/html");
    response.end(`<!doctype html><title>Product</title><h1>Product</h1><button id="connect">Connect</button>
      <script type="module">import * as link from "/sando-link.js"; window.link = link;</script>`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((done) => { server.close(done); server.closeAllConnections(); }),
  };
}

/** Starts Chromium on a folder of its own. */
export async function startBrowser() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executablePath)) {
    throw new Error(`there is no ${executablePath}: apt-get install chromium, or set CHROMIUM`);
  }
  const profile = mkdtempSync(join(tmpdir(), "sando-link-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
    ],
  });
  return {
    context,
    stop: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** Keeps a screenshot, if a folder for artefacts is named. */
export async function keep(page, name) {
  const folder = process.env.SANDO_ARTIFACTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `link-${name}.png`) });
}
