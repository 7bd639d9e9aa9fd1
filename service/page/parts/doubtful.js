// Training pictures whose label may be wrong, as a classifier judged them that did not see them.
import { at, query } from "../core/api.js";
import { html } from "../core/html.js";
import { useResource } from "../core/resource.js";
import { count, percent, plural } from "../core/words.js";
import { Await, Panel, Picture } from "./basics.js";
import { Tour } from "./tour.js";

const SHOWN = 60;

export function Doubtful({ version, address }) {
  const path = `${address}/files/doubtful-labels.json`;
  const doubtful = useResource(path);
  return html`<${Panel} title="Labels that may be wrong" wide><${Await} of=${doubtful}>${({ pictures, total, labels }) => html`
    <p>${total ? `${count(total)} of ${plural(pictures, "training picture")} look more like another class, judged by a network that did not see them. Look at the first ones: some labels are wrong, and some pictures are just unusual.` : `All of ${plural(pictures, "training picture")} look like the class that they have.`}</p>
    <ul class="gallery" role="list" tabindex="0" aria-label="Doubtful labels">${labels.slice(0, SHOWN).map((one) => html`<li key=${one.index}><a href=${`${at`#/look/${version.model}/${version.version}`}${query({ dataset: version.dataset, split: "train", index: one.index })}`}>
      <${Picture} src=${at`/datasets/${version.dataset}/pictures/train/${one.index}.png`} alt=${`Training picture ${one.index}`} width="84" height="84" />
      <span>labelled <strong>${one.label}</strong>, looks like <strong>${one.suggested}</strong> ${percent(one.suggested_probability, 0)}</span></a></li>`)}</ul>
    ${labels.length > SHOWN ? html`<p class="quiet">The ${SHOWN} most doubtful ones; the file has ${count(labels.length)}.</p>` : null}`}<//>
    <${Tour} path=${path} data=${doubtful.data ?? undefined} /><//>`;
}
