// The strip on every screen: where to go, what runs and waits, who asks, and whether the server answers.
import { useEffect, useRef, useState } from "preact/hooks";
import { apiKey, at, isLocked, isOffline, post, useKey } from "../core/api.js";
import { html } from "../core/html.js";
import { useAction } from "../core/resource.js";
import { place } from "../core/router.js";
import { howFar, KINDS, share } from "../core/rows.js";
import { hasKeys, me, overview, readOverview, watchServer, workers } from "../core/server.js";
import { bytes, duration, percent } from "../core/words.js";
import { Fault } from "../parts/basics.js";

const LINKS = [["", "Runs"], ["new", "New"], ["models", "Models"], ["look", "Try"], ["data", "Data"], ["learn", "Learn"]];

export function Strip() {
  useEffect(watchServer, []);
  const here = place.value.steps[0] ?? "";
  const links = hasKeys() ? [...LINKS, ["class", "Class"]] : LINKS;
  return html`<header class="strip">
    <div class="strip-top">
      <a class="brand" href="#/">convserve</a>
      <nav aria-label="Screens">${links.map(([step, name]) => html`<a key=${step} href=${`#/${step}`} aria-current=${here === step ? "page" : undefined}>${name}</a>`)}
        <a href="/docs">API</a></nav>
      <${Who} />
    </div>
    ${isOffline.value ? html`<p class="banner" role="alert">The server does not answer. What you see is from before; this page tries again by itself.</p>` : null}
    <${Now} />
  </header>`;
}

const phaseText = (row) => [row.phase || (row.kind === "training" ? "training" : KINDS[row.kind]), howFar(row)].filter(Boolean).join(", ");

/** What runs now, what waits, and the GPU. */
function Now() {
  const { running, queued, mine } = overview.value;
  const [first, ...others] = running ?? [];
  return html`<div class="now" role="group" aria-label="The server now">
    ${first ? html`<${Running} row=${first} />` : html`<span class="quiet">${running ? "Nothing is training." : ""}</span>`}
    ${others.length ? html`<a href="#/?state=running">and ${others.length} more</a>` : null}
    ${queued ? html`<a href="#/?state=queued">${queued} waiting${mine ? `, yours is number ${mine}` : ""}</a>` : null}
    <${Gpu} />
  </div>`;
}

function Running({ row }) {
  const cancel = useAction(async () => { await post(at`/jobs/${row.id}/cancel`); await readOverview(); });
  const owner = row.owner && row.owner !== "local" ? ` by ${row.owner}` : "";
  return html`<span class="running"><span aria-hidden="true">▶ </span><a class="clip" href=${at`#/run/${row.id}`} title=${row.name}>${row.name}</a><span>${owner} · ${phaseText(row)}${row.eta !== null ? `, ${duration(row.eta)} left` : ""}</span>
    <progress max="1" value=${share(row) ?? undefined} aria-label=${`How far ${row.name} is`}></progress>
    <button type="button" class="small" disabled=${cancel.busy || row.cancelling} onClick=${cancel.run}>${row.cancelling || cancel.busy ? "Cancelling" : "Cancel"}</button></span>`;
}

function Gpu() {
  const gpus = workers.value.flatMap(({ gpus: own }) => own);
  if (!gpus.length) return null;
  return html`<span>${gpus.map(({ name, utilization, used_bytes: used }) => html`<span key=${name}>GPU ${name}${utilization === null ? "" : `, ${percent(utilization, 0)} busy`}${used ? `, ${bytes(used)} used` : ""} </span>`)}</span>`;
}

/** Who asks: the key's name, and the way to give another. */
function Who() {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [typed, setTyped] = useState("");
  const [isRemembered, setRemembered] = useState(false);
  const open = () => { if (!dialog.current?.open) dialog.current?.showModal(); };
  useEffect(() => { if (isLocked.value) open(); }, [isLocked.value]);
  const signIn = (event) => {
    event.preventDefault();
    useKey(typed.trim(), { remember: isRemembered });
    setTyped("");
    dialog.current?.close();
  };
  const signOut = () => { useKey(""); dialog.current?.close(); };
  const name = hasKeys() ? me.value?.name : "";
  return html`<div class="who">
    <button type="button" class="small" onClick=${open}>${name || "Sign in"}</button>
    <dialog ref=${dialog} aria-label="Sign in"><form method="dialog" onSubmit=${signIn}>
      ${isLocked.value ? html`<${Fault} error=${{ message: apiKey.value ? "The server does not know this key, or it has been revoked." : "This server asks for a key." }} />` : null}
      ${name ? html`<p>You are <strong>${name}</strong> and may ${me.value?.scopes.join(", ")}. <a href="#/class" onClick=${() => dialog.current?.close()}>What you have used</a></p>` : html`<p>With a key, this page does what the key may do. On your own computer you usually need none.</p>`}
      <p><label>Key <input type="password" value=${typed} onInput=${(event) => setTyped(event.currentTarget.value)} autocomplete="off" spellcheck=${false} placeholder="cvs_…" /></label></p>
      <p><label><input type="checkbox" checked=${isRemembered} onChange=${(event) => setRemembered(event.currentTarget.checked)} /> Remember it on this computer; otherwise it is forgotten with the tab</label></p>
      <p class="buttons"><button type="submit" disabled=${!typed.trim()}>Sign in</button>
        ${apiKey.value ? html`<button type="button" onClick=${signOut}>Sign out</button>` : null}
        <button type="button" onClick=${() => dialog.current?.close()}>Close</button></p>
    </form></dialog>
  </div>`;
}
