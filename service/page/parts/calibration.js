// Whether it is as sure as it is right: a bar for each range of confidence, with the diagonal that would be perfect.
import { useState } from "preact/hooks";
import { html } from "../core/html.js";
import { count, percent } from "../core/words.js";

const WIDTH = 320;
const HEIGHT = 220;
const LEFT = 40;
const BOTTOM = 34;
const x = (share) => LEFT + share * (WIDTH - LEFT - 8);
const y = (share) => HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - 8);

const points = (share) => `${(share * 100).toFixed(1)} points`;

export function Calibration({ calibration }) {
  const [hasTable, setTable] = useState(false);
  const bins = calibration.bins.filter((bin) => bin.count);
  const most = Math.max(...bins.map((bin) => bin.count));
  const surplus = calibration.confidence - bins.reduce((sum, bin) => sum + bin.accuracy * bin.count, 0) / bins.reduce((sum, bin) => sum + bin.count, 0);
  const verdict = Math.abs(surplus) < 0.02 ? "It is about as sure as it is right." : surplus > 0 ? `It is too sure of itself, by ${points(surplus)} on average.` : `It is right more often than it says, by ${points(-surplus)} on average.`;
  return html`<p>${verdict} Expected calibration error: ${percent(calibration.expected_error)}.</p>
    <svg class="calibration" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${`Calibration. ${verdict}`}>
      ${[0, 0.5, 1].map((tick) => html`<g key=${tick}><text x=${x(tick)} y=${HEIGHT - 18} text-anchor=${tick === 1 ? "end" : "middle"}>${tick * 100} %</text><text x=${LEFT - 6} y=${y(tick) + 4} text-anchor="end">${tick * 100} %</text></g>`)}
      <text x=${(LEFT + WIDTH) / 2} y=${HEIGHT - 3} text-anchor="middle">how sure it was</text>
      ${bins.map((bin) => html`<rect key=${bin.lower} class="bin" x=${x(bin.lower) + 1} y=${y(bin.accuracy)} width=${x(bin.upper) - x(bin.lower) - 2} height=${y(0) - y(bin.accuracy)} opacity=${0.35 + (0.65 * bin.count) / most}>
        <title>${`${percent(bin.confidence)} sure on average, ${percent(bin.accuracy)} right, ${count(bin.count)} pictures`}</title></rect>`)}
      <line class="diagonal" x1=${x(0)} y1=${y(0)} x2=${x(1)} y2=${y(1)} />
      <line class="axis" x1=${x(0)} y1=${y(0)} x2=${x(1)} y2=${y(0)} /><line class="axis" x1=${x(0)} y1=${y(0)} x2=${x(0)} y2=${y(1)} />
    </svg>
    <p class="quiet">The height of a bar: how many of these answers are right. On the dashed line, it is right as often as it says. Darker bars have more pictures.</p>
    <button type="button" class="small" aria-expanded=${hasTable} onClick=${() => setTable(!hasTable)}>${hasTable ? "Hide table" : "Table"}</button>
    ${hasTable ? html`<table><thead><tr><th scope="col">sure</th><th scope="col">right</th><th scope="col">pictures</th></tr></thead>
      <tbody>${bins.map((bin) => html`<tr key=${bin.lower}><td class="number">${percent(bin.confidence)}</td><td class="number">${percent(bin.accuracy)}</td><td class="number">${count(bin.count)}</td></tr>`)}</tbody></table>` : null}`;
}
