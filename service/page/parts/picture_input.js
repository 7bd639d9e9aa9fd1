// A picture from the person: dropped, pasted, chosen, from the camera, or a test picture of a dataset.
import { useEffect, useRef, useState } from "preact/hooks";
import { at, query, send } from "../core/api.js";
import { html } from "../core/html.js";
import { useResource } from "../core/resource.js";
import { Fault, Picture } from "./basics.js";

const TYPES = "image/jpeg,image/png,image/webp,image/bmp";
const STRIP = 14;

/** @typedef {{blob: Blob, url: string, name: string, truth?: string}} Given */

/** The picture that is looked at now; its address is freed when another takes its place. @returns {[Given | null, (blob: Blob, name: string, truth?: string) => void]} */
export function usePicture() {
  const [picture, setPicture] = useState(/** @type {Given | null} */ (null));
  const shown = useRef("");
  /** @param {Blob} blob @param {string} name @param {string} [truth] */
  const take = (blob, name, truth) => {
    URL.revokeObjectURL(shown.current);
    shown.current = URL.createObjectURL(blob);
    setPicture({ blob, url: shown.current, name, truth });
  };
  useEffect(() => () => URL.revokeObjectURL(shown.current), []);
  return [picture, take];
}

/** @param {{take: (blob: Blob, name: string, truth?: string) => void, children?: any}} properties */
export function PictureInput({ take, children = null }) {
  const [isOver, setOver] = useState(false);
  const [hasCamera, setCamera] = useState(false);
  const chooser = useRef(/** @type {HTMLInputElement | null} */ (null));
  const first = (files) => { if (files?.[0]) take(files[0], files[0].name ?? "pasted picture"); };
  useEffect(() => {
    const paste = (event) => first(event.clipboardData?.files);
    document.addEventListener("paste", paste);
    return () => document.removeEventListener("paste", paste);
  }, [take]);
  const over = (event) => { event.preventDefault(); setOver(true); };
  return html`<div class=${isOver ? "drop over" : "drop"} onDragEnter=${over} onDragOver=${over} onDragLeave=${() => setOver(false)}
      onDrop=${(event) => { event.preventDefault(); setOver(false); first(event.dataTransfer?.files); }}>
    ${children}
    <p class="buttons"><button type="button" class="primary" onClick=${() => chooser.current?.click()}>Choose a picture</button>
      ${navigator.mediaDevices ? html`<button type="button" aria-pressed=${hasCamera} onClick=${() => setCamera(!hasCamera)}>Camera</button>` : null}</p>
    <input ref=${chooser} class="hidden" type="file" accept=${TYPES} aria-label="Picture file" tabindex="-1" onChange=${(event) => { first(event.currentTarget.files); event.currentTarget.value = ""; }} />
    <p class="quiet">or drop one here, or paste one</p>
    ${hasCamera ? html`<${Camera} take=${take} />` : null}
  </div>`;
}

/** Takes a square out of the middle of what the camera sees. */
function Camera({ take }) {
  const video = useRef(/** @type {HTMLVideoElement | null} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  useEffect(() => {
    /** @type {MediaStream | undefined} */
    let stream;
    let isGone = false;
    navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } }).then((found) => {
      stream = found;
      if (isGone) found.getTracks().forEach((track) => track.stop());
      else if (video.current) video.current.srcObject = found;
    }).catch((fault) => setError(new Error(fault.name === "NotAllowedError" ? "The browser does not let this page use the camera." : "There is no camera that works.")));
    return () => { isGone = true; stream?.getTracks().forEach((track) => track.stop()); };
  }, []);
  const shoot = () => {
    const source = video.current;
    if (!source?.videoWidth) return;
    const side = Math.min(source.videoWidth, source.videoHeight);
    const canvas = Object.assign(document.createElement("canvas"), { width: 256, height: 256 });
    canvas.getContext("2d")?.drawImage(source, (source.videoWidth - side) / 2, (source.videoHeight - side) / 2, side, side, 0, 0, 256, 256);
    canvas.toBlob((blob) => { if (blob) take(blob, "camera"); }, "image/png");
  };
  if (error) return html`<${Fault} error=${error} />`;
  return html`<div class="camera"><video ref=${video} autoplay playsinline muted aria-label="What the camera sees"></video><button type="button" onClick=${shoot}>Take it</button></div>`;
}

/** A row of test pictures to click. @param {{dataset: string, chosen: number | null, choose: (index: number) => void}} properties */
export function TestPictures({ dataset, chosen, choose }) {
  const [offset, setOffset] = useState(chosen === null ? 0 : Math.floor(chosen / STRIP) * STRIP);
  const found = useResource(dataset && `${at`/datasets/${dataset}/pictures`}${query({ split: "test", offset, limit: STRIP })}`);
  const rows = found.data?.pictures;
  if (!rows) return found.error?.status === 404 || !dataset ? null : html`<${Fault} error=${found.error} />`;
  return html`<div class="strip-of-pictures"><span id="test-pictures">Test pictures of ${dataset}</span>
    <ul class="gallery small-ones" aria-labelledby="test-pictures">${rows.map((row) => html`<li key=${row.index}><button type="button" aria-pressed=${row.index === chosen} title=${row.label} onClick=${() => choose(row.index)}>
      <${Picture} src=${at`/datasets/${dataset}/pictures/test/${row.index}.png?scale=2`} alt=${`Test picture ${row.index}: ${row.label}`} width="48" height="48" /></button></li>`)}</ul>
    <p class="buttons"><button type="button" class="small" disabled=${!offset} onClick=${() => setOffset(Math.max(0, offset - STRIP))}>Before</button>
      <button type="button" class="small" disabled=${rows.length < STRIP} onClick=${() => setOffset(offset + STRIP)}>Next</button></p></div>`;
}

/** One test picture as the person would have dropped it. */
export async function testPicture(dataset, split, index, abort) {
  const answer = await send("GET", at`/datasets/${dataset}/pictures/${split}/${index}.png`, { signal: abort });
  return answer.blob();
}

export async function base64(blob) {
  const data = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let from = 0; from < data.length; from += 0x8000) text += String.fromCharCode(...data.subarray(from, from + 0x8000));
  return btoa(text);
}
