/** Makes the index of a results folder again and again, together with others that do. */
import { reindex } from '../../../src/store/database.js';

for (let time = 0; time < 5; time++) reindex(process.argv[2] ?? '').close();
console.log('made');
