// What the run doctor found: how bad, on what evidence, and what to try.
import { html } from "../core/html.js";
import { settingName } from "../core/words.js";
import { Badge, Panel } from "./basics.js";
import { Code, Tour } from "./tour.js";

const NAMES = { error: "error", warning: "warning", info: "worth knowing" };
const valueText = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : typeof value === "object" ? JSON.stringify(value) : String(value));

/** @param {{findings: any[], tour: string, isWide?: boolean}} properties */
export function Findings({ findings, tour, isWide = true }) {
  return html`<${Panel} title="Doctor" wide=${isWide}>
    ${findings.length ? null : html`<p><${Badge} state="none">Nothing to object to.<//></p>`}
    <ul class="findings">${findings.map((finding) => html`<li key=${finding.code} class=${finding.severity}>
      <p><${Badge} state=${finding.severity}>${NAMES[finding.severity] ?? finding.severity}<//> <strong>${finding.title}</strong></p>
      <p>${finding.advice}</p>
      <details><summary>Evidence and what to try</summary>
        <dl class="figures">${Object.entries(finding.evidence ?? {}).map(([name, value]) => html`<div class="figure" key=${name}><dt>${settingName(name)}</dt><dd>${valueText(value)}</dd></div>`)}</dl>
        ${finding.try?.curl ? html`<${Code} text=${finding.try.curl} label="What to try" />` : null}
      </details></li>`)}</ul>
    <${Tour} path=${tour} />
  <//>`;
}
