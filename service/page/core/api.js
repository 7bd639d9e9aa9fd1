// Requests to the API: the key on each, problems as errors, and whether the server answers at all.
import { signal } from "@preact/signals";

const STORED_KEY = "convserve-key";

/** Reads and writes the browser's storage; private windows may refuse it, and then the key lives as long as the page. */
function stored(storage, value) {
  try {
    if (value === undefined) return storage().getItem(STORED_KEY) ?? "";
    if (value) storage().setItem(STORED_KEY, value);
    else storage().removeItem(STORED_KEY);
  } catch { /* no storage */ }
  return "";
}

export const apiKey = signal(stored(() => sessionStorage) || stored(() => localStorage));
export const isOffline = signal(false);
export const isLocked = signal(false);

/** Use another key from now on. It is kept for this tab or, on request, on this computer. */
export function useKey(key, { remember = false } = {}) {
  stored(() => sessionStorage, key);
  stored(() => localStorage, remember ? key : "");
  isLocked.value = false;
  apiKey.value = key;
}

/** What the API refuses, in its own words. */
export class Problem extends Error {
  /** @param {number} status @param {Record<string, any>} body */
  constructor(status, body) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.hint = body.hint ?? "";
    this.body = body;
    /** @type {{loc: (string | number)[], message: string}[]} */
    this.errors = body.errors ?? [];
  }
}

/** The server does not answer; what is on the screen stays there. */
export class Unreachable extends Error {
  constructor() {
    super("The server does not answer. This page tries again by itself.");
    this.status = 0;
  }
}

export const keyHeaders = () => (apiKey.value ? { Authorization: `Bearer ${apiKey.value}` } : {});

/**
 * Send one request.
 * @param {string} method @param {string} path
 * @param {{json?: unknown, body?: BodyInit, headers?: Record<string, string>, signal?: AbortSignal}} [options]
 * @returns {Promise<Response>} an answer below 400
 */
export async function send(method, path, { json, body, headers = {}, signal: abort } = {}) {
  const content = json === undefined ? {} : { "Content-Type": "application/json" };
  const key = apiKey.peek();
  let response;
  try {
    response = await fetch(path, {
      method, signal: abort, headers: /** @type {Record<string, string>} */ ({ ...content, ...keyHeaders(), ...headers }),
      body: json === undefined ? body : JSON.stringify(json),
    });
  } catch (error) {
    if (abort?.aborted) throw error;
    isOffline.value = true;
    throw new Unreachable();
  }
  isOffline.value = false;
  if (response.ok) return response;
  if (response.status === 401 && key === apiKey.peek()) isLocked.value = true; // a late answer for an earlier key says nothing
  throw new Problem(response.status, await response.json().catch(() => ({})));
}

/** @param {string} path @param {Parameters<typeof send>[2]} [options] @returns {Promise<any>} */
export const get = async (path, options) => (await send("GET", path, options)).json();
/** @param {string} path @param {unknown} [json] @param {AbortSignal} [abort] @returns {Promise<any>} */
export const post = async (path, json, abort) => (await send("POST", path, { json, signal: abort })).json();
export const remove = (path) => send("DELETE", path);

/** A path of names that may hold any character. @param {TemplateStringsArray} parts @param {...unknown} names */
export const at = (parts, ...names) => String.raw({ raw: parts }, ...names.map((name) => encodeURIComponent(String(name))));

/** Query string of the values that are there. @param {Record<string, unknown>} values */
export function query(values) {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}
