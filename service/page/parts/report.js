// What an upload's conversion noticed: which files were left out and why, and what may not be as meant.
import { useEffect, useState } from "preact/hooks";
import { html } from "../core/html.js";
import { count, plural } from "../core/words.js";
import { Badge } from "./basics.js";

const REASONS = {
  hidden: "hidden files of the system", folder_icon: "icons of folders", nested_archive: "archives within the archive",
  outside_classes: "not in a class folder", no_label: "no label in the table", too_deep: "folders too deep",
  not_a_picture: "not a picture", damaged_picture: "damaged picture", too_large: "picture too large",
};

/** @param {{report: any, files: Map<string, Blob>}} properties `files`: what was dropped in this tab, to show what was left out */
export function Report({ report, files }) {
  const skipped = Object.entries(report.skipped).filter(([, n]) => n);
  const { duplicates } = report;
  return html`<div class="report">
    <p>${plural(report.files, "file")} in the archive. ${report.layout} ${report.split === "drawn" ? "The test split was drawn from the training pictures." : "The test split is the one you gave."}</p>
    ${report.warnings?.map((text) => html`<p key=${text}><${Badge} state="warning">${text}<//></p>`)}
    ${skipped.length ? html`<h3>Left out</h3><ul>${skipped.map(([reason, n]) => html`<li key=${reason}>${count(n)}: ${REASONS[reason] ?? reason}</li>`)}</ul>
      <div class="scroll" tabindex="0" role="region" aria-label="Files that were left out"><table><thead><tr><th scope="col"></th><th scope="col">file</th><th scope="col">why</th></tr></thead>
      <tbody>${report.skipped_files.map(({ file, reason, message }) => html`<tr key=${file}><td><${Thumbnail} file=${found(files, file)} /></td><th scope="row">${file}</th><td>${REASONS[reason] ?? reason}${message ? `: ${message}` : ""}</td></tr>`)}</tbody></table></div>`
    : html`<p>Nothing was left out.</p>`}
    ${duplicates.train + duplicates.test + duplicates.across_splits + duplicates.across_classes ? html`<h3>Pictures that occur more than once</h3><ul>
      ${duplicates.across_splits ? html`<li><${Badge} state="warning">${plural(duplicates.across_splits, "test picture")} also in another split: the test is too easy<//></li>` : null}
      ${duplicates.across_classes ? html`<li><${Badge} state="warning">${plural(duplicates.across_classes, "picture")} also in another class: one of the labels is wrong<//></li>` : null}
      ${duplicates.train ? html`<li>${plural(duplicates.train, "training picture")}</li>` : null}${duplicates.test ? html`<li>${plural(duplicates.test, "test picture")}</li>` : null}
      ${duplicates.examples.slice(0, 10).map((group) => html`<li key=${group.join()} class="quiet">${group.join(" = ")}</li>`)}</ul>` : null}
    <${Names} title="Few training pictures; such classes are rarely learned well" names=${report.small_classes} />
    <${Names} title="Without training pictures" names=${report.missing_in_train} />
    <${Names} title="Without test pictures" names=${report.missing_in_test} />
    <${Names} title="Folders without a single usable picture" names=${report.dropped_classes} />
  </div>`;
}

const found = (files, name) => files.get(name) ?? [...files].find(([path]) => path.endsWith(`/${name}`))?.[1];

const Names = ({ title, names }) => (names?.length ? html`<p><${Badge} state="warning">${title}<//> ${names.join(", ")}</p>` : null);

/** A file that was left out, if this browser still has it and can show it. */
function Thumbnail({ file }) {
  const [address, setAddress] = useState("");
  useEffect(() => {
    if (!file) return undefined;
    const made = URL.createObjectURL(file);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return address ? html`<img class="thumbnail" src=${address} alt="" onError=${() => setAddress("")} />` : null;
}
