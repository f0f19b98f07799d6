/** How a link ended well. */
export interface LinkResult {
  result: "success";
  /** Name of the integration, e.g. `torii`. */
  integration: string;
  /** The account that was linked or reconnected. */
  integrated_account_id: string;
}

/** Why a link cannot go on. */
export type LinkErrorType =
  /** The link token is older than seven days. */
  | "link_expired"
  /** The link token was used to link an account. */
  | "link_used"
  /** There is no such link token. */
  | "link_invalid"
  /** The page was open for more than half an hour. */
  | "session_expired"
  /** The account to reconnect has been removed. */
  | "account_not_found"
  /** sando cannot serve the page now. */
  | "unavailable"
  /** The page did not load in the frame: this origin is probably not in the environment's allowed_frame_origins. */
  | "frame_blocked"
  /** An option is missing or malformed. */
  | "configuration";

export class LinkError extends Error {
  readonly error_type: LinkErrorType;
}

export interface LinkOptions {
  /** Absolute URL of sando's public listener, e.g. `https://connect.example.com`. */
  baseUrl: string;
  /** Go to the page in this window; it returns to the link's `redirect_uri`, where `resultFromUrl` reads the result. The promise never settles. */
  sameWindow?: boolean;
  /** Open the page in a popup instead of a dialog. Call it from a click, or the browser blocks it. */
  popup?: boolean;
  /** Leave out the page's Cancel link. */
  noBack?: boolean;
  /** Put the frame into this element instead of a dialog. */
  container?: HTMLElement;
  /** The window to act in; default is the global one. */
  window?: Window;
}

/**
 * Opens the page of a link token and waits until it ends. The calling origin must be in the environment's `allowed_frame_origins`, for popups as
 * well: the page tells no other origin how it ended.
 *
 * Rejects with the string `closed` when the customer gave up, with the string `blocked` when the browser refused the popup, and with a
 * `LinkError` when the link cannot go on.
 */
export function authenticate(linkToken: string, options: LinkOptions): Promise<LinkResult>;

/** Reads how a link ended from the URL that the page returned to; null when it says nothing. */
export function resultFromUrl(url?: string): LinkResult | { result: string } | null;

export default authenticate;
