// Many pictures at once: a folder, a zip, or a split of a dataset becomes a job that writes one row for each.
import { useState } from "preact/hooks";
import { at, post } from "../core/api.js";
import { isReady } from "../core/datasets.js";
import { html } from "../core/html.js";
import { useAction, useResource } from "../core/resource.js";
import { go } from "../core/router.js";
import { archiveOf } from "../core/upload.js";
import { count } from "../core/words.js";
import { Fault, Panel } from "./basics.js";
import { ArchiveDrop, inWords, Sending, useSending } from "./file_drop.js";
import { Tour } from "./tour.js";

const SPLITS = ["test", "train", "validation"];

export function ManyPictures({ version, address }) {
  const path = `${address}/predictions`;
  const follow = (job) => go(at`#/run/${job.id}`);
  const [files, setFiles] = useState(/** @type {import("./file_drop.js").Files} */ ([]));
  const sending = useSending(async (say) => ({ path, body: await archiveOf(files, (share) => say("packing", share)) }), follow);
  return html`<${Panel} title="Classify many pictures">
    <form onSubmit=${(event) => { event.preventDefault(); sending.run(); }}>
      <${ArchiveDrop} take=${(found) => { if (found.length) setFiles(found); }} name=" of pictures to classify">
        <p><strong>Drop a folder or a zip here</strong>. You get a table with the name, the label and the probability of each picture.</p><//>
      ${files.length ? html`<p class="buttons"><span role="status">${inWords(files)}</span>
        <button type="submit" class="primary" disabled=${sending.busy}>Classify them</button></p>` : null}
      <${Sending} sending=${sending} /><${Fault} error=${sending.error} />
    </form>
    <${OfADataset} version=${version} path=${path} follow=${follow} />
  <//>`;
}

function OfADataset({ version, path, follow }) {
  const datasets = useResource("/datasets");
  const [name, setName] = useState(version.dataset ?? "");
  const [split, setSplit] = useState("test");
  const usable = (datasets.data?.datasets ?? []).filter(isReady);
  const one = usable.find((each) => each.name === name) ?? usable[0];
  const splits = SPLITS.filter((each) => one?.[each]);
  const wanted = { dataset: one?.name ?? name, split: splits.includes(split) ? split : splits[0] ?? "test" };
  const start = useAction(async () => follow(await post(path, wanted)));
  return html`<form onSubmit=${(event) => { event.preventDefault(); start.run(); }}>
    <p>Or the pictures of a dataset:</p>
    <div class="toolbar"><label>Dataset to classify <select value=${one?.name ?? ""} onChange=${(event) => setName(event.currentTarget.value)}>${usable.map((each) => html`<option key=${each.name} value=${each.name}>${each.name}</option>`)}</select></label>
      <label>Split <select value=${wanted.split} onChange=${(event) => setSplit(event.currentTarget.value)}>${splits.map((each) => html`<option key=${each} value=${each}>${each} (${count(one[each])})</option>`)}</select></label>
      <button type="submit" disabled=${!one || start.busy}>Classify the split</button></div>
    <${Fault} error=${start.error ?? datasets.error} />
    <${Tour} method="POST" path=${path} json=${wanted} />
  </form>`;
}
