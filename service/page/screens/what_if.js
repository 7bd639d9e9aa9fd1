// What if the picture were moved, turned, blurred, noisy or darker? One request per change; the sliders only read.
import { useState } from "preact/hooks";
import { post } from "../core/api.js";
import { inTurn, useAnswer } from "../core/answers.js";
import { html } from "../core/html.js";
import { percent } from "../core/words.js";
import { Fault, Panel } from "../parts/basics.js";
import { base64 } from "../parts/picture_input.js";
import { Tour } from "../parts/tour.js";

/** @type {[string, string, number[], (amount: number) => string][]} */
const CHANGES = [
  ["shift", "moved", [-6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6], (n) => `${n} pixels`],
  ["rotate", "turned", [-45, -30, -20, -10, -5, 0, 5, 10, 20, 30, 45], (n) => `${n}°`],
  ["blur", "blurred", [0, 0.5, 1, 1.5, 2, 3], (n) => `${n} pixels`],
  ["noise", "noisy", [0, 0.05, 0.1, 0.15, 0.2, 0.3], (n) => `${Math.round(n * 100)} %`],
  ["brightness", "brighter", [-0.5, -0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3, 0.5], (n) => `${Math.round(n * 100)} %`],
];

export function WhatIf({ address, picture }) {
  const asked = Object.fromEntries(CHANGES.map(([name, , amounts]) => [name, amounts]));
  const { answer, error, isOld } = useAnswer([address, picture], (abort) => base64(picture.blob).then((b64) => inTurn(abort, () => post(`${address}/what-if`, { images: [{ b64 }], ...asked }, abort))));
  if (error?.status === 404) return null;
  return html`<${Panel} title="What if the picture were …" wide>
    <${Fault} error=${error} />
    ${answer ? html`<div class=${isOld ? "what-if old" : "what-if"}>${CHANGES.map(([name, label, amounts, write]) => html`<${Change} key=${name} label=${label} amounts=${amounts} write=${write}
      series=${answer.series.filter(({ change }) => change === name)} original=${answer.original} />`)}</div>` : null}
    <${Tour} method="POST" path=${`${address}/what-if?rotate=-20,0,20&blur=0,1`} file="picture.png" data=${answer ?? undefined} />
  <//>`;
}

function Change({ label, amounts, write, series, original }) {
  const [at, setAt] = useState(amounts.indexOf(0));
  if (!series.length) return null;
  const entry = series.find(({ amount }) => amount === amounts[at]) ?? series[Math.min(at, series.length - 1)];
  const isSame = entry.label === original.label;
  return html`<div class="change"><label class="slider">${label} <output>${write(amounts[at])}</output>
      <input type="range" min="0" max=${amounts.length - 1} value=${at} aria-valuetext=${write(amounts[at])} onInput=${(event) => setAt(Number(event.currentTarget.value))} /></label>
    <p><span aria-hidden="true">${isSame ? "✓" : "✕"} </span><strong>${entry.label}</strong> ${percent(entry.probability)}${isSame ? "" : ` instead of ${original.label}`}</p>
    <svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">${amounts.map((amount, index) => {
      const one = series.find((found) => found.amount === amount);
      if (!one) return null;
      const height = 24 * one.probability;
      return html`<rect key=${amount} class=${`${one.label === original.label ? "same" : "other"}${index === at ? " here" : ""}`} x=${(100 / amounts.length) * index + 0.5} y=${24 - height} width=${100 / amounts.length - 1} height=${height} />`;
    })}</svg></div>`;
}
