// The small parts every screen is made of.
import { useEffect, useRef, useState } from "preact/hooks";
import { apiKey, send } from "../core/api.js";
import { html } from "../core/html.js";
import { GLOSSARY, percent } from "../core/words.js";

/** A word with its meaning, on hover and on focus. */
export function Term({ name, children = null }) {
  const meaning = GLOSSARY[name];
  if (!meaning) return html`<span>${children ?? name}</span>`;
  return html`<button type="button" class="term" aria-label=${`${textOf(children) ?? name}: ${meaning}`}>${children ?? name}<span class="meaning" aria-hidden="true">${meaning}</span></button>`;
}

const textOf = (children) => (typeof children === "string" ? children : null);

/** What went wrong: the message, what to do about it, and the fields at fault. */
export function Fault({ error }) {
  if (!error) return null;
  return html`<div class="fault" role="alert">
    <p>${error.message}</p>
    ${error.hint ? html`<p>${error.hint}</p>` : null}
    ${error.errors?.length ? html`<ul>${error.errors.map(({ loc, message }) => html`<li><code>${loc.join(".")}</code>: ${message}</li>`)}</ul>` : null}
  </div>`;
}

export const Loading = ({ what = "Reading" }) => html`<p class="quiet" role="status">${what} …</p>`;

/** Data that may still be coming: keeps the old, and says beside it what is wrong. */
export function Await({ of: resource, children }) {
  const { data, error, isLoading } = resource;
  return html`<${Fault} error=${error && error.status !== 0 ? error : data ? null : error} />
    ${data !== null ? children(data) : isLoading ? html`<${Loading} />` : null}`;
}

const MARKS = { running: "▶", queued: "…", succeeded: "✓", failed: "✕", cancelled: "■", ready: "✓", converting: "▶", error: "✕", warning: "!", info: "i", none: "✓" };

const NAMES = { info: "worth knowing", none: "fine" };

/** A state in words and with a mark, not by colour alone. */
export const Badge = ({ state, children = null }) => html`<span class=${`badge ${state}`}><span aria-hidden="true">${MARKS[state] ?? "•"} </span>${children ?? NAMES[state] ?? state}</span>`;

/** One figure with its name. */
export const Figure = ({ name, children }) => html`<div class="figure"><dt>${name}</dt><dd>${children}</dd></div>`;

/** A heading with its content; `tools` stand at the right of the heading. */
export function Panel({ title, children, tools = null, id = "", wide = false }) {
  const heading = id || `panel-${String(title).toLowerCase().replace(/[^a-z0-9]+/g, "-")}`;
  return html`<section class=${wide ? "panel wide" : "panel"} aria-labelledby=${heading}>
    <div class="panel-head"><h2 id=${heading}>${title}</h2>${tools}</div>
    ${children}
  </section>`;
}

/** A stored picture. With a key it is fetched, because an `img` cannot send one. */
export function Picture({ src, alt, ...rest }) {
  const key = apiKey.value;
  const [address, setAddress] = useState(key ? "" : src);
  useEffect(() => {
    if (!key) { setAddress(src); return undefined; }
    const abort = new AbortController();
    let made = "";
    send("GET", src, { signal: abort.signal }).then((answer) => answer.blob()).then((blob) => {
      made = URL.createObjectURL(blob);
      setAddress(made);
    }).catch(() => {});
    return () => { abort.abort(); URL.revokeObjectURL(made); };
  }, [src, key]);
  return html`<img src=${address || undefined} alt=${alt} loading=${key ? "eager" : "lazy"} ...${rest} />`;
}

/** A file to keep: a link, or a `button`. @param {{href: string, name: string, button?: boolean, children: any}} properties */
export function Download({ href, name, button = false, children }) {
  const save = async (event) => {
    if (!apiKey.value) return;
    event.preventDefault();
    const blob = await (await send("GET", href)).blob();
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  return html`<a class=${button ? "button" : undefined} href=${href} download=${name} onClick=${save}>${children}</a>`;
}

/** Probabilities as bars, with words and figures. */
export function Bars({ rows, mark = null }) {
  return html`<ol class="bars">${rows.map(({ label, probability, key = label }) => html`<li key=${key} class=${mark === label ? "marked" : ""}>
    <span class="bar-name" title=${label}>${label}</span>
    <meter min="0" max="1" value=${probability} aria-label=${label}></meter>
    <span class="bar-figure">${percent(probability)}</span>
  </li>`)}</ol>`;
}

/** Asks before something is lost: the button opens the question, and the answer has to be typed where `word` is given. */
export function Confirm({ label, question, word = "", action, busy = false, kind = "danger" }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [typed, setTyped] = useState("");
  const close = () => { dialog.current?.close(); setTyped(""); };
  const confirm = (event) => { event.preventDefault(); if (!word || typed === word) { close(); action(); } };
  return html`<button type="button" class=${kind} disabled=${busy} onClick=${() => dialog.current?.showModal()}>${label}</button>
    <dialog ref=${dialog} aria-label=${label}><form method="dialog" onSubmit=${confirm}>
      <p>${question}</p>
      ${word ? html`<p><label>Type <strong>${word}</strong> to confirm <input value=${typed} onInput=${(event) => setTyped(event.currentTarget.value)} autocomplete="off" spellcheck=${false} /></label></p>` : null}
      <p class="buttons"><button type="submit" class=${kind} disabled=${Boolean(word) && typed !== word}>${label}</button>
      <button type="button" onClick=${close}>Keep it</button></p>
    </form></dialog>`;
}
