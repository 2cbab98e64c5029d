/** Takes a run directory's lock, says so, and keeps it until it is killed. */
import { acquireLock } from '../../../src/store/lock.js';

const result = await acquireLock(process.argv[2] ?? '');
console.log(result.acquired ? 'acquired' : result.reason);
setInterval(() => undefined, 1000);
