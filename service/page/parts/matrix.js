// The confusion matrix as a table: each cell that counts mistakes is a button.
import { html } from "../core/html.js";
import { percent } from "../core/words.js";
import { Term } from "./basics.js";

const STEPS = 6;

/** @param {{classes: string[], matrix: number[][], chosen?: [string, string] | null, choose: (truth: string, answer: string) => void}} properties */
export function Matrix({ classes, matrix, chosen = null, choose }) {
  const sums = matrix.map((row) => row.reduce((sum, value) => sum + value, 0) || 1);
  const level = (value, row) => (value ? Math.max(1, Math.round((STEPS * value) / sums[row])) : 0);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix"><table class="matrix">
    <caption>Rows: what the picture shows. Columns: what the network says. Click a mistake to see its pictures. <${Term} name="confusion matrix">More<//></caption>
    <thead><tr><td></td>${classes.map((label) => html`<th scope="col" key=${label}><span title=${label}>${label}</span></th>`)}<th scope="col">right</th></tr></thead>
    <tbody>${matrix.map((row, at) => html`<tr key=${classes[at]}><th scope="row"><span class="clip" title=${classes[at]}>${classes[at]}</span></th>
      ${row.map((value, answer) => html`<td key=${answer} class=${`${at === answer ? "right" : "wrong"} level-${level(value, at)}`}>
        ${value && at !== answer ? html`<button type="button" aria-pressed=${chosen?.[0] === classes[at] && chosen?.[1] === classes[answer]} aria-label=${`${value} × ${classes[at]} taken for ${classes[answer]}`}
          onClick=${() => choose(classes[at], classes[answer])}>${value}</button>` : value || (at === answer ? 0 : "")}</td>`)}
      <td class="number">${percent(row[at] / sums[at], 0)}</td></tr>`)}</tbody></table></div>`;
}
