// "JSON", "curl", "Python", "JavaScript": how a program gets what a panel shows. This is the tour of the API.
import { useRef, useState } from "preact/hooks";
import { apiKey, get } from "../core/api.js";
import { html } from "../core/html.js";

/** @typedef {{method?: string, path: string, json?: unknown, file?: string, save?: string}} Call */

const here = () => location.origin;
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const pretty = (json) => JSON.stringify(json, null, 2);

/** @param {Call} call */
function curl({ method = "GET", path, json, file, save }) {
  const parts = [`curl ${quote(here() + path)}`];
  if (method !== "GET" && !(method === "POST" && (json !== undefined || file))) parts.push(`-X ${method}`);
  if (apiKey.value) parts.push(`-H "Authorization: Bearer $CONVSERVE_API_KEY"`);
  if (json !== undefined) parts.push("-H 'Content-Type: application/json'", `-d ${quote(JSON.stringify(json))}`);
  if (file) parts.push(`-F file=@${file}`);
  if (save) parts.push(`-o ${save}`);
  return parts.join(" \\\n  ");
}

const pythonValue = (json) => pretty(json).replace(/\btrue\b/g, "True").replace(/\bfalse\b/g, "False").replace(/\bnull\b/g, "None");

/** @param {Call} call */
function python({ method = "GET", path, json, file, save }) {
  const options = [
    ...(apiKey.value ? ['headers={"Authorization": f"Bearer {os.environ[\'CONVSERVE_API_KEY\']}"}'] : []),
    ...(json !== undefined ? [`json=${pythonValue(json)}`] : []),
    ...(file ? [`files={"file": open("${file}", "rb")}`] : []),
  ];
  const call = `httpx.${method.toLowerCase()}(${[`"${here()}${path}"`, ...options].join(", ")})`;
  const result = save ? `open("${save}", "wb").write(answer.content)` : "print(answer.json())";
  return `${apiKey.value ? "import os\n" : ""}import httpx\n\nanswer = ${call}\nanswer.raise_for_status()\n${result}`;
}

/** @param {Call} call */
function javascript({ method = "GET", path, json, file, save }) {
  const headers = [
    ...(apiKey.value ? ["Authorization: `Bearer ${key}`"] : []),
    ...(json !== undefined ? ['"Content-Type": "application/json"'] : []),
  ];
  const options = [
    ...(method !== "GET" ? [`method: "${method}"`] : []),
    ...(headers.length ? [`headers: { ${headers.join(", ")} }`] : []),
    ...(json !== undefined ? [`body: JSON.stringify(${pretty(json)})`] : []),
    ...(file ? ["body: form"] : []),
  ];
  const form = file ? `const form = new FormData();\nform.append("file", file); // a File, such as that of an <input type="file">\n` : "";
  return `${form}const answer = await fetch("${here()}${path}"${options.length ? `, { ${options.join(", ")} }` : ""});\nconsole.log(await answer.${save ? "blob" : "json"}());`;
}

const LANGUAGES = { curl, Python: python, JavaScript: javascript };

export function Code({ text, label = "Code" }) {
  const [isCopied, setCopied] = useState(false);
  const block = useRef(null);
  const copy = async () => {
    if (!navigator.clipboard) { if (block.current) getSelection()?.selectAllChildren(block.current); return; } // plain http
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return html`<div class="code"><pre ref=${block} tabindex="0" role="region" aria-label=${label}>${text}</pre>
    <button type="button" onClick=${copy}>${isCopied ? "Copied" : "Copy"}</button></div>`;
}

/** @param {Call & {data?: unknown}} properties `data`: what the JSON tab shows, where the panel has it already */
export function Tour(properties) {
  const { data, ...call } = properties;
  const [shown, setShown] = useState("");
  const [answer, setAnswer] = useState(/** @type {unknown} */ (undefined));
  const isRead = (call.method ?? "GET") === "GET" && !call.save;
  const names = [...(data !== undefined || isRead ? ["JSON"] : []), ...Object.keys(LANGUAGES)];
  const open = async (name) => {
    setShown(shown === name ? "" : name);
    if (name === "JSON" && data === undefined && shown !== name) setAnswer(await get(call.path).catch((error) => ({ error: error.message })));
  };
  const json = data ?? answer;
  const text = shown === "JSON" ? (json === undefined ? "…" : pretty(json)) : LANGUAGES[shown]?.(call);
  return html`<div class="tour">
    <div class="tour-tabs" role="group" aria-label=${`${call.method ?? "GET"} ${call.path.split("?")[0]} as`}>
      ${names.map((name) => html`<button type="button" key=${name} aria-expanded=${shown === name} onClick=${() => open(name)}>${name}</button>`)}
    </div>
    ${shown ? html`<${Code} text=${text} label=${`${shown} for this panel`} />` : null}
  </div>`;
}
