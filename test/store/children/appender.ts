/** Appends calls of 1,000 rows until that fails, and says which error stopped it and how many rows had been written. */
import { MetricsLog } from '../../../src/store/metricsLog.js';
import { trainRow } from '../records.js';

const log = new MetricsLog(process.argv[2] ?? '');
let step = 0;
try {
  for (;;) {
    log.append(Array.from({ length: 1000 }, (_, index) => trainRow(step + index + 1)));
    step += 1000;
  }
} catch (error) {
  console.log(
    JSON.stringify({ step, code: error instanceof Error && 'code' in error ? error.code : String(error) }),
  );
}
