// Files from the person: dropped, or chosen, one of them or a whole folder.
import { useRef, useState } from "preact/hooks";
import { html } from "../core/html.js";
import { useAction } from "../core/resource.js";
import { ARCHIVE_ENDS, droppedFiles, upload } from "../core/upload.js";
import { bytes, plural } from "../core/words.js";

/** @typedef {{path: string, file: Blob}[]} Files */

/** What was chosen, and how large it is. @param {Files} files */
export const inWords = (files) => `${files.length === 1 ? files[0].path : plural(files.length, "file")}, ${bytes(files.reduce((sum, { file }) => sum + file.size, 0))}`;

/** A place for a zip or a folder. @param {{take: (files: Files) => void, name?: string, children: any}} properties `name`: tells two places on one screen apart */
export function ArchiveDrop({ take, name = "", children }) {
  const zips = useRef(/** @type {HTMLInputElement | null} */ (null));
  const folders = useRef(/** @type {HTMLInputElement | null} */ (null));
  const fromInput = (event) => take([...event.currentTarget.files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
  return html`<${Drop} take=${take}>${children}
    <p class="buttons"><button type="button" onClick=${() => folders.current?.click()}>Choose a folder</button><button type="button" onClick=${() => zips.current?.click()}>Choose a zip</button></p>
    <input ref=${folders} class="hidden" type="file" webkitdirectory multiple tabindex="-1" aria-label=${`Folder${name}`} onChange=${fromInput} />
    <input ref=${zips} class="hidden" type="file" accept=${ARCHIVE_ENDS} tabindex="-1" aria-label=${`Zip${name}`} onChange=${fromInput} /><//>`;
}

/** A frame that files can be dropped on. @param {{take: (files: Files) => void, children?: any}} properties */
export function Drop({ take, children }) {
  const [isOver, setOver] = useState(false);
  const over = (event) => { event.preventDefault(); setOver(true); };
  const drop = async (event) => { event.preventDefault(); setOver(false); take(await droppedFiles(event.dataTransfer.items)); };
  return html`<div class=${isOver ? "drop over" : "drop"} onDragEnter=${over} onDragOver=${over} onDragLeave=${() => setOver(false)} onDrop=${drop}>${children}</div>`;
}

/**
 * Sends something large, with progress and a way to stop it.
 * @param {(say: (phase: string, share: number) => void) => Promise<{path: string, body: Blob | FormData}>} prepare
 * @param {(answer: any) => void} done
 */
export function useSending(prepare, done) {
  const [progress, setProgress] = useState({ phase: "", share: 0 });
  const running = useRef(/** @type {ReturnType<typeof upload> | null} */ (null));
  const action = useAction(async () => {
    const say = (phase, share) => setProgress({ phase, share });
    try {
      const { path, body } = await prepare(say);
      const started = upload(path, body, (share) => say("sending", share));
      running.current = started;
      done(await started.done);
    } finally { running.current = null; setProgress({ phase: "", share: 0 }); }
  });
  return { ...action, progress, stop: () => running.current?.stop() };
}

/** How far the sending is. @param {{sending: {progress: {phase: string, share: number}, stop: () => void}}} properties */
export function Sending({ sending: { progress: { phase, share }, stop } }) {
  if (!phase) return null;
  return html`<p role="status"><label>${phase === "packing" ? "Packing" : share < 1 ? "Sending" : "The server reads it"} <progress max="1" value=${share}></progress></label>
    ${phase === "sending" ? html`<button type="button" class="small" onClick=${stop}>Stop</button>` : null}</p>`;
}
