// Numbers with units, times in words, and the glossary.

export const percent = (share, digits = 1) => (share === null || share === undefined || Number.isNaN(share) ? "–" : `${(share * 100).toFixed(digits)} %`);
export const figure = (value, digits = 3) => (value === null || value === undefined ? "–" : Number(value).toFixed(digits));
export const count = (value) => (value === null || value === undefined ? "–" : Number(value).toLocaleString("en"));
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** @param {number | null | undefined} value */
export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0;
  let left = value;
  while (left >= 1000 && at < units.length - 1) { left /= 1000; at++; }
  return `${at && left < 10 ? left.toFixed(1) : Math.round(left)} ${units[at]}`;
}

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds === 0) return "0 s";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** @param {string | null | undefined} moment ISO 8601 */
export function ago(moment) {
  if (!moment) return "–";
  const seconds = Math.max(0, (Date.now() - Date.parse(moment)) / 1000);
  return seconds < 5 ? "just now" : `${duration(Math.round(seconds))} ago`;
}

export const between = (from, to) => (from ? (Date.parse(to ?? new Date().toISOString()) - Date.parse(from)) / 1000 : null);

/** A setting as people say it: `overrides.activation` → `activation`. */
export const settingName = (path) => path.replace(/\.name$/, "").replace(/^(overrides|optimizer|learning_rate_schedule|augmentation)\./, "").replaceAll("_", " ");

/** Names of models and datasets. */
export const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
export const NAME_RULE = "A name has lower-case letters, digits, - and _; it starts with a letter or digit; at most 63 characters.";
/** A name that keeps the rule, from any text; empty where nothing of it does. @param {string} text */
export const nameFrom = (text) => text.toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^[-_]+/, "").slice(0, 63);

export const GLOSSARY = {
  feedback: "Pictures that people sent back with the label that would have been right. It changes no model until it is collected into a dataset.",
  agreement: "The share of test pictures for which both files name the same class.",
  epoch: "One pass over all training pictures.",
  validation: "Accuracy on pictures that are kept out of training: it shows while training how the network does on new ones.",
  test: "Accuracy on the test pictures, which the network sees once, at the end.",
  training: "Accuracy on the pictures the network learns from. Far above validation means that it learns them by heart.",
  loss: "How wrong the probabilities are. Training makes it small; a confident mistake costs most.",
  accuracy: "The share of pictures whose most probable class is the right one.",
  activation: "The function after each layer, such as tanh or ReLU. Without one, many layers could do no more than one.",
  dropout: "Switches off a random share of values in training, so that no value is relied on alone.",
  depth: "How many blocks of layers the network has.",
  seed: "The number that all chance starts from. The same seed repeats a run; several seeds show how much is luck.",
  batch: "How many pictures the network sees before it corrects itself once.",
  "learning rate": "How large each correction is. Too small learns slowly, too large never settles.",
  optimizer: "The rule that turns errors into corrections.",
  parameters: "The numbers the network learns.",
  kernel: "A small table of weights that slides over the picture; each makes one map.",
  map: "What one kernel answers at each place of the picture: bright where it finds its pattern.",
  stride: "How far a kernel moves from one place to the next.",
  padding: "Zeros around the picture, so that a kernel can be centred on its edge.",
  pooling: "Keeps one number of each small square: the largest or the mean. The map becomes smaller.",
  calibration: "Whether it is as sure as it is right: of answers given with 80 %, 80 % should be right.",
  alias: "A name for one version, such as champion. Clients use the name; promoting moves it. latest and best move by themselves: the newest and the most accurate version in whose run the doctor found no error.",
  canary: "A version that answers a share of an alias's requests in place of the one it points at, so that few people meet its mistakes.",
  shadow: "A version that is asked the same as the one that answers. Its answers are only compared; nobody gets them. Its share is of the requests that the alias's own version answers.",
  latest: "Clients that name no version get the newest one in whose run the doctor found no error.",
  version: "One published result of a training. Versions never change.",
  "conformal set": "The smallest set of classes that holds the right one in 95 of 100 cases.",
  occlusion: "Covers one part of the picture after the other. Where the answer suffers most is what it rests on.",
  "grad-cam": "Weighs the maps of one layer by how much each raises the answer.",
  "dead filter": "A kernel whose map is zero for every picture. It costs time and adds nothing.",
  overfitting: "Learning the training pictures by heart instead of what they have in common.",
  "confusion matrix": "A row for each true class, a column for each answer: what is taken for what.",
  flatten: "Writes all maps as one long row of numbers, so that dense layers can read them.",
  softmax: "Turns the last numbers into probabilities that add up to 100 %.",
};
