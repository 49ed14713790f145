export const QUIET = { info: () => {}, warn: () => {}, error: () => {} };
