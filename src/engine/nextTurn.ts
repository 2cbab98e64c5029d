/**
 * For engines that compute a call on the thread that asks for it, and keep it until they are done: between two calls messages are
 * to be read, the one that says to stop for one. Awaiting what is there already would not let any in.
 */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
