/** Opens the index of a results folder, together with others that do, and says how many runs it holds. */
import { openIndex } from '../../../src/store/database.js';

const index = openIndex(process.argv[2] ?? '');
console.log(index.db.prepare('SELECT count(*) FROM runs').pluck().get());
index.close();
