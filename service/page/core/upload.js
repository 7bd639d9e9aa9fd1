// Sending pictures or a model: an archive as it is, or a folder that is packed into one here. Progress needs XMLHttpRequest.
import { isOffline, keyHeaders, Problem, Unreachable } from "./api.js";

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => { let value = n; for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1; return value; });

function crc32(data) {
  let value = 0xffffffff;
  for (const byte of data) value = CRC_TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

const UTF8_NAME = 0x0800;

function entry(signature, fields) {
  const view = new DataView(new ArrayBuffer(4 + fields.reduce((sum, [size]) => sum + size, 0)));
  view.setUint32(0, signature, true);
  let at = 4;
  for (const [size, value] of fields) { if (size === 2) view.setUint16(at, value, true); else view.setUint32(at, value, true); at += size; }
  return new Uint8Array(view.buffer);
}

/**
 * A zip of files, stored as they are: pictures do not become smaller. Up to 65,535 files and 4 GB.
 * @param {{path: string, file: Blob}[]} files @param {(done: number) => void} progress
 */
export async function zipOf(files, progress) {
  if (files.length > 65535) throw new Error(`A folder may hold 65,535 files here, and this one has ${files.length}. Pack it into a zip and drop that.`);
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [index, { path, file }] of files.entries()) {
    const data = new Uint8Array(await file.arrayBuffer());
    const name = new TextEncoder().encode(path);
    const common = [[2, 20], [2, UTF8_NAME], [2, 0], [4, 0x21], [4, crc32(data)], [4, data.length], [4, data.length], [2, name.length], [2, 0]];
    directory.push(entry(0x02014b50, [[2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), name);
    const head = entry(0x04034b50, common);
    parts.push(head, name, file);
    offset += head.length + name.length + data.length;
    if (offset > 0xffffffff) throw new Error("The folder is larger than 4 GB. Pack it into a zip and drop that.");
    if (index % 50 === 0) progress(index / files.length);
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = entry(0x06054b50, [[2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** All files below what was dropped, with their paths. @param {DataTransferItemList} items */
export async function droppedFiles(items) {
  const roots = [...items].map((item) => item.webkitGetAsEntry?.()).filter((one) => one !== null && one !== undefined);
  /** @type {{path: string, file: File}[]} */
  const found = [];
  const walk = async (one) => {
    if (one.isFile) { found.push({ path: one.fullPath.slice(1), file: await new Promise((resolve, reject) => { one.file(resolve, reject); }) }); return; }
    const reader = one.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
      if (!some.length) return;
      for (const child of some) await walk(child);
    }
  };
  for (const root of roots) await walk(root);
  return found;
}

/** Content types of archives that are sent as they are. @type {Record<string, string>} */
const ARCHIVES = { zip: "application/zip", tar: "application/x-tar", gz: "application/gzip", tgz: "application/gzip", csv: "text/csv" };
export const ARCHIVE_ENDS = [...Object.keys(ARCHIVES).map((end) => `.${end}`), ...Object.values(ARCHIVES)].join(",");

const endOf = (name) => name.toLowerCase().split(".").at(-1) ?? "";
export const isArchive = (name) => endOf(name) in ARCHIVES;
/** An archive as it is, with its type: browsers do not know all of them. @param {Blob} file @param {string} name */
export const typed = (file, name) => new Blob([file], { type: ARCHIVES[endOf(name)] });

/**
 * Turns what was dropped into one archive: an archive stays as it is, a folder is packed here.
 * @param {{path: string, file: Blob}[]} files @param {(share: number) => void} progress
 */
export function archiveOf(files, progress) {
  return isOnlyArchive(files) ? Promise.resolve(typed(files[0].file, files[0].path)) : zipOf(files, progress);
}

/** @param {{path: string}[]} files */
export const isOnlyArchive = (files) => files.length === 1 && isArchive(files[0].path);

/**
 * Send a body and follow how much of it has left.
 * @param {string} path @param {Blob | FormData} body @param {(share: number) => void} progress
 * @returns {{done: Promise<any>, stop: () => void}}
 */
export function upload(path, body, progress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.open("POST", path);
    if (body instanceof Blob) request.setRequestHeader("Content-Type", body.type);
    for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () => {
      let body = {};
      try { body = JSON.parse(request.responseText); } catch { /* no JSON: the status says enough */ }
      if (request.status < 300) resolve(body);
      else reject(new Problem(request.status, body));
    };
    request.onerror = () => { isOffline.value = true; reject(new Unreachable()); };
    request.onabort = () => reject(new Error("You stopped the upload."));
    request.send(body);
  });
  return { done, stop: () => request.abort() };
}
