/** Entry of a worker process with the made-up trainer; otherwise as the real one. */
import { connectWorker } from '../../src/sweeps/workerLoop.js';
import { fakeTrainer } from './fakeTrainer.js';

connectWorker(fakeTrainer);
