import type { components, paths } from "./api";
export type Submitted = paths["/jobs"]["post"]["requestBody"]["content"]["application/json"];
export const asked: components["schemas"]["JobRequest"]["validation"][] = [0.1, "test"];
export const label = (found: components["schemas"]["Prediction"]) => found.model + found.version;
