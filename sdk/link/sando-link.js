// Links an account on sando's hosted page, from the browser of the vendor's product. One module, no dependency.

/** How long the page may take to say that it is there, in milliseconds. */
const READY_WITHIN = 15_000;
/** How often a popup is looked at to see whether it was closed, in milliseconds. */
const LOOK_EVERY = 250;

/** LinkError is how a link ends that cannot go on; `error_type` says why. */
export class LinkError extends Error {
  constructor(errorType, message) {
    super(message);
    this.name = "LinkError";
    this.error_type = errorType;
  }
}

/**
 * Opens the page of a link token and waits until it ends. See sando-link.d.ts for the options and for what it rejects with.
 */
export function authenticate(linkToken, options = {}) {
  const { baseUrl, sameWindow = false, popup = false, noBack = false, container, window: win = globalThis.window } = options;
  if (typeof linkToken !== "string" || !linkToken.startsWith("sando_link_")) {
    return Promise.reject(new LinkError("link_invalid", "the link token must start with sando_link_"));
  }
  let page;
  try {
    page = new URL("connect", new URL(baseUrl).href.replace(/\/?$/, "/"));
  } catch {
    return Promise.reject(new LinkError("configuration", "baseUrl must be the absolute URL of sando's public listener"));
  }
  page.searchParams.set("link_token", linkToken);
  if (noBack) page.searchParams.set("no_back", "1");
  if (sameWindow) {
    win.location.assign(page);
    return new Promise(() => {}); // the page goes away; see resultFromUrl
  }
  page.searchParams.set("mode", popup ? "popup" : "iframe");
  page.searchParams.set("origin", win.location.origin);
  return popup ? inPopup(win, page) : inFrame(win, page, container);
}

/**
 * Reads how a link ended from the URL that the page returned to (`redirect_uri`); null when it says nothing.
 */
export function resultFromUrl(url = globalThis.window.location.href) {
  const query = new URL(url).searchParams;
  switch (query.get("result")) {
    case null:
      return null;
    case "success":
      return {
        result: "success",
        integration: query.get("integration"),
        integrated_account_id: query.get("integrated_account_id"),
      };
    default:
      return { result: query.get("result") };
  }
}

/**
 * Listens for the page's messages until `settle` is called. Only the page's own window and its exact origin are heard.
 */
function listen(win, page, source, settle, onReady) {
  const hear = (event) => {
    if (event.origin !== page.origin || event.source !== source() || event.data?.source !== "sando-link") return;
    const { type, integration, integrated_account_id, error_type } = event.data;
    if (type === "ready") onReady();
    if (type === "success") settle.resolve({ result: "success", integration, integrated_account_id });
    if (type === "closed") settle.reject("closed");
    if (type === "error") settle.reject(new LinkError(error_type, `the link ended with ${error_type}`));
  };
  win.addEventListener("message", hear);
  return () => win.removeEventListener("message", hear);
}

/** Makes a promise whose end, either way, tidies up first. */
function settling(tidy) {
  let resolve, reject;
  const promise = new Promise((yes, no) => {
    resolve = (value) => (tidy(), yes(value));
    reject = (reason) => (tidy(), no(reason));
  });
  return { promise, resolve, reject };
}

function inPopup(win, page) {
  const left = Math.max(0, win.screenX + (win.outerWidth - 520) / 2);
  const top = Math.max(0, win.screenY + (win.outerHeight - 680) / 2);
  const opened = win.open(page, "sando-link", `popup,width=520,height=680,left=${left},top=${top}`);
  if (!opened) return Promise.reject("blocked");
  let unlisten, timer;
  const settle = settling(() => {
    unlisten();
    win.clearInterval(timer);
    opened.close();
  });
  unlisten = listen(win, page, () => opened, settle, () => {});
  timer = win.setInterval(() => {
    if (opened.closed) settle.reject("closed");
  }, LOOK_EVERY);
  return settle.promise;
}

function inFrame(win, page, container) {
  const { document } = win;
  const before = document.activeElement;
  const dialog = container ? document.createElement("div") : document.createElement("dialog");
  const frame = document.createElement("iframe");
  frame.title = "Connect an account";
  frame.referrerPolicy = "no-referrer";
  Object.assign(frame.style, { border: "0", width: "100%", height: "100%", display: "block", colorScheme: "auto" });
  dialog.append(frame);
  if (!container) {
    Object.assign(dialog.style, {
      border: "0", padding: "0", overflow: "hidden", borderRadius: "12px", width: "min(32rem, 100vw)", height: "min(40rem, 100vh)",
    });
  }
  let unlisten, timer;
  const settle = settling(() => {
    unlisten();
    win.clearTimeout(timer);
    dialog.remove();
    before?.focus?.();
  });
  unlisten = listen(win, page, () => frame.contentWindow, settle, () => {
    win.clearTimeout(timer);
    frame.focus(); // browsers do not let a page from elsewhere take the focus by itself
  });
  // A page that may not be framed here stays silent; the browser does not say why.
  timer = win.setTimeout(() => {
    settle.reject(new LinkError("frame_blocked", "the page did not load; is this origin in the environment's allowed_frame_origins?"));
  }, READY_WITHIN);
  dialog.addEventListener("cancel", () => settle.reject("closed"));
  frame.src = page.href;
  (container ?? document.body).append(dialog);
  dialog.showModal?.();
  return settle.promise;
}

export default authenticate;
