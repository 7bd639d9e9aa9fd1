// Bundles the page into service/static: scripts, one style sheet, the page that names them, and the licences of what the
// scripts contain. The names carry a hash of the content, so a browser may keep the files for ever; each file has a
// gzip copy beside it, so the server compresses nothing.
import { build } from "esbuild";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const SOURCE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(SOURCE, "..", "..");
const TARGET = join(SOURCE, "..", "static");

/** Indentation inside of templates would be shipped; it means nothing there. */
const withoutIndentation = {
  name: "without-indentation",
  setup({ onLoad }) {
    onLoad({ filter: /service[\\/]page[\\/].*\.js$/ }, ({ path }) => ({ contents: readFileSync(path, "utf8").replace(/\n\s+/g, "\n"), loader: "js" }));
  },
};

const result = await build({
  absWorkingDir: ROOT,
  entryPoints: { page: join(SOURCE, "main.js"), style: join(SOURCE, "style.css") },
  outdir: TARGET,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true, // a screen is fetched when it is opened first
  plugins: [withoutIndentation],
  minify: true,
  format: "esm",
  target: ["es2022"],
  legalComments: "none", // licences.txt holds them whole
  metafile: true,
  write: false,
  logLevel: "warning",
});

/** Packages of the bundle: the folder of each below node_modules. */
function packages() {
  const folders = Object.keys(result.metafile.inputs).map((path) => /^(node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(folders.filter(Boolean))].sort();
}

function licences() {
  return packages().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8"));
    const file = readdirSync(join(ROOT, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? readFileSync(join(ROOT, folder, file), "utf8").trim() : "(its package has no licence file)";
    return `${name} ${version} (${license})\n\n${text}\n`;
  }).join(`\n${"-".repeat(80)}\n\n`);
}

function write(name, content) {
  writeFileSync(join(TARGET, name), content);
  writeFileSync(join(TARGET, `${name}.gz`), gzipSync(content, { level: 9 }));
}

mkdirSync(TARGET, { recursive: true });
const names = {};
const files = result.outputFiles.map((file) => [file.path.slice(TARGET.length + 1), Buffer.from(file.contents)]);
for (const [name] of files) names[name.slice(0, name.lastIndexOf("-"))] = name;
const page = readFileSync(join(SOURCE, "index.html"), "utf8")
  .replace("page.js", `page/${names.page}`).replace("style.css", `page/${names.style}`);
const kept = new Set([...files.map(([name]) => name), "licences.txt", "index.html"].flatMap((name) => [name, `${name}.gz`]));
for (const [name, content] of files) write(name, content);
write("licences.txt", licences());
write("index.html", page); // last: it names the others, and make takes it as the sign that all is there
for (const name of readdirSync(TARGET)) if (!kept.has(name)) rmSync(join(TARGET, name));
const size = files.reduce((sum, [, content]) => sum + content.length, 0) + page.length;
console.log(`page: ${(size / 1000).toFixed(1)} kB in ${files.length + 1} files, in service/static`);
