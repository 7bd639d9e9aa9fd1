// Why this answer: the places of the picture that it rests on, over the picture.
import { useState } from "preact/hooks";
import { query, send } from "../core/api.js";
import { inTurn, useAnswer, useDrawn } from "../core/answers.js";
import { html } from "../core/html.js";
import { percent } from "../core/words.js";
import { Fault, Loading, Panel, Term } from "../parts/basics.js";
import { Tour } from "../parts/tour.js";

const METHODS = [["occlusion", "occlusion"], ["gradcam", "grad-cam"]];

export const form = (blob) => { const made = new FormData(); made.append("file", blob, "picture"); return made; };

export function Why({ address, picture }) {
  const [method, setMethod] = useState("");
  const path = (format) => `${address}/explain${query({ method, format })}`;
  const facts = useAnswer([address, picture, method], (abort) => inTurn(abort, () => send("POST", path("json"), { body: form(picture.blob), signal: abort })).then((answer) => answer.json()));
  const drawn = useDrawn([address, picture, method], (abort) => inTurn(abort, () => send("POST", path("png"), { body: form(picture.blob), signal: abort })));
  const { answer } = facts;
  const used = method || answer?.method;
  if (facts.error?.status === 404) return null;
  return html`<${Panel} title="Why this answer?" tools=${html`<${Term} name=${used === "gradcam" ? "grad-cam" : "occlusion"}>how?<//>`}>
    <p class="choices" role="group" aria-label="Method">${METHODS.map(([value, label]) => html`<button type="button" key=${value} aria-pressed=${(method || answer?.method) === value} onClick=${() => setMethod(value)}>${label}</button>`)}</p>
    <${Fault} error=${facts.error ?? drawn.error} />
    ${answer || facts.error ? null : html`<${Loading} what="Looking" />`}
    ${answer ? html`<div class=${facts.isOld ? "why old" : "why"}>
      ${drawn.answer ? html`<img src=${drawn.answer} alt=${`What the answer ${answer.label} rests on`} />` : null}
      <p>${answer.empty ? `Nothing in the picture speaks for ${answer.label}.` : `Orange places speak for ${answer.label} (${percent(answer.probability)}): ${used === "occlusion" ? "covering them lowers the probability. Covering blue ones raises it" : "there the maps that raise this answer are active"}.`}
        ${used === "gradcam" && answer.layer ? ` Layer: ${answer.layer}.` : ""}${answer.patch ? ` A patch of ${answer.patch} × ${answer.patch} pixels slides in steps of ${answer.stride}.` : ""}</p></div>` : null}
    <${Tour} method="POST" path=${path("json")} file="picture.png" data=${answer ?? undefined} />
  <//>`;
}
