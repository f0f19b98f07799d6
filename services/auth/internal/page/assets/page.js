// Tells the window that opened this page how it ended. The page works without it.
const { state, mode, origin, errorType, integration, account } = document.body.dataset;
const opener = mode === "popup" ? window.opener : mode === "iframe" && window.parent !== window ? window.parent : null;

// Only an origin that the environment lists is in the page, so nobody else is ever told.
if (opener && origin) {
  const tell = (message) => opener.postMessage({ source: "sando-link", ...message }, origin);
  tell({ type: "ready" });
  if (state === "success") {
    tell({ type: "success", integration, integrated_account_id: account });
  } else if (state === "closed") {
    tell({ type: "closed" });
  } else if (errorType) {
    tell({ type: "error", error_type: errorType });
  }
  if (mode === "iframe") {
    document.querySelector("[autofocus]")?.focus();
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") tell({ type: "closed" });
    });
  }
}

// A second press of the button must not send the form again while the provider is asked.
document.querySelector("form")?.addEventListener("submit", (event) => {
  const button = event.target.querySelector("button");
  button.disabled = true;
  button.textContent = "Checking…";
});
