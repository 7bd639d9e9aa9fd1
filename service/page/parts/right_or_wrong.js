// Feedback on an answer: was it right, and if not, what does the picture show?
import { useEffect, useState } from "preact/hooks";
import { at, query, remove, send } from "../core/api.js";
import { html } from "../core/html.js";
import { useAction } from "../core/resource.js";
import { Fault } from "./basics.js";
import { Tour } from "./tour.js";

/**
 * Asks about one answer; the next picture is asked about anew.
 * @param {{address: string, model: string, version: number, classes: string[], answered: string, picture: {blob: Blob}}} properties
 */
export function RightOrWrong({ address, model, version, classes, answered, picture }) {
  const [isWrong, setWrong] = useState(false);
  const [label, setLabel] = useState("");
  const [kept, setKept] = useState(/** @type {{id: string, label: string} | null} */ (null));
  useEffect(() => { setWrong(false); setLabel(""); setKept(null); }, [picture, address]);
  const path = `${address}/feedback`;
  const say = useAction(async (right) => {
    const form = new FormData();
    form.append("file", picture.blob, "picture");
    form.append("label", right);
    const answer = await (await send("POST", path, { body: form })).json();
    setKept(answer.feedback[0]);
  });
  const undo = useAction(async () => { if (kept) await remove(at`/models/${model}/feedback/${kept.id}`); setKept(null); setWrong(false); });
  return html`<div class="right-or-wrong">
    <div aria-live="polite">${kept ? html`<p>Kept as feedback: <strong>${kept.label}</strong>. <a href=${`${at`#/model/${model}/${version}`}?show=feedback`}>All feedback</a>
      <button type="button" class="small" disabled=${undo.busy} onClick=${undo.run}>Undo</button></p>` : null}</div>
    ${kept ? null : html`<p class="buttons" role="group" aria-label="Is this answer right?"><span>Is this right?</span>
      <button type="button" class="small" disabled=${say.busy} onClick=${() => say.run(answered)}>Yes</button>
      <button type="button" class="small" aria-expanded=${isWrong} disabled=${say.busy} onClick=${() => setWrong(!isWrong)}>No</button></p>`}
    ${isWrong && !kept ? html`<form class="buttons" onSubmit=${(event) => { event.preventDefault(); say.run(label); }}>
      <label>It shows <select required value=${label} onChange=${(event) => setLabel(event.currentTarget.value)}><option value="">choose</option>
        ${classes.filter((one) => one !== answered).map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select></label>
      <button type="submit" disabled=${!label || say.busy}>Send</button></form>` : null}
    <${Fault} error=${say.error ?? undo.error} />
    ${isWrong ? html`<${Tour} method="POST" path=${`${path}${query({ label: label || classes[0] })}`} file="picture.png" />` : null}
  </div>`;
}
