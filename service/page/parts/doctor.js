// What the run doctor found: how bad, on what evidence, and what to try.
import { html } from "../core/html.js";
import { query } from "../core/api.js";
import { formOf } from "../core/training_form.js";
import { settingName } from "../core/words.js";
import { Badge, Panel } from "./basics.js";
import { Code, Tour } from "./tour.js";

const valueText = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : typeof value === "object" ? JSON.stringify(value) : String(value));

/** What a suggested command submits as a job; null where it asks for something else. The shell's quotes are taken off. */
function suggested(command) {
  const body = /^curl -s \S+\/jobs --json '([^]*)'$/.exec(command)?.[1].replaceAll(`'"'"'`, "'");
  try { return body ? JSON.parse(body) : null; } catch { return null; }
}

/** Words between backticks as code. */
const withCode = (text) => text.split("`").map((part, index) => (index % 2 ? html`<code key=${index}>${part}</code>` : part));

const here = (command) => command.replace("localhost:8000", location.origin);

/** @param {{findings: any[], tour: string, isWide?: boolean}} properties */
export function Findings({ findings, tour, isWide = true }) {
  return html`<${Panel} title="Doctor" wide=${isWide}>
    ${findings.length ? null : html`<p><${Badge} state="none">Nothing to object to.<//></p>`}
    <ul class="findings">${findings.map((finding) => html`<li key=${finding.code} class=${finding.severity}>
      <p><${Badge} state=${finding.severity} /> <strong>${withCode(finding.title)}</strong></p>
      <p>${withCode(finding.advice)}</p>
      ${suggested(finding.try?.curl ?? "") ? html`<p><a class="button" href=${`#/new${query(formOf(suggested(finding.try.curl)))}`}>Try it</a></p>` : null}
      <details><summary>Evidence and what to try</summary>
        <dl class="figures">${Object.entries(finding.evidence ?? {}).map(([name, value]) => html`<div class="figure" key=${name}><dt>${settingName(name)}</dt><dd>${valueText(value)}</dd></div>`)}</dl>
        ${finding.try?.curl ? html`<${Code} text=${here(finding.try.curl)} label="What to try" />` : null}
      </details></li>`)}</ul>
    <${Tour} path=${tour} />
  <//>`;
}
