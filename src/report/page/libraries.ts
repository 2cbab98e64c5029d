/** Where the browser builds of the charting libraries lie; their entry points lie in the same folders. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** In the order in which they need each other. */
export const CHART_LIBRARIES = ['vega', 'vega-lite', 'vega-embed'] as const;
export type ChartLibrary = (typeof CHART_LIBRARIES)[number];

/** Path of a library's minified browser build. */
export function libraryPath(name: ChartLibrary): string {
  return join(dirname(require.resolve(name)), `${name}.min.js`);
}
