// What screens ask of a dataset as the API gives it.

/** Its state; one that has none is ready. @param {{state?: string | null}} dataset */
export const stateOf = (dataset) => dataset.state || "ready";

/** Whether it can be trained on. @param {{state?: string | null}} dataset */
export const isReady = (dataset) => stateOf(dataset) === "ready";
