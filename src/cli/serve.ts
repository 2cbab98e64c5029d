/** `isoloss serve`: the results as web pages on this machine. */
import type { Command } from 'commander';
import { wholeNumber } from './flags.js';

interface ServeFlags {
  readonly results: string;
  readonly port?: string;
  readonly host: string;
  readonly querySeconds: string;
  readonly db?: string;
}

const DEFAULT_PORT = 4680;
/** The longest that a question may be given: a timer of much more would go off at once. */
const DAY_SECONDS = 86_400;
/** Ports tried after the default one, for a second server beside the first. */
const FURTHER_PORTS = 20;

export function addServeCommand(program: Command): void {
  program
    .command('serve')
    .description('show running sweeps, all runs, reports and a query page in the browser')
    .option('--port <n>', `port to listen on (default: the first free one from ${DEFAULT_PORT})`)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--query-seconds <n>', 'seconds that a question in SQL may take', '10')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--db <file>', 'where the index lies, if not in the results folder')
    .addHelpText(
      'after',
      `
Only this machine can look, unless --host names another address: then whoever looks needs the token in the address that
is printed. The pages read, and change nothing. Ctrl-C ends the server.

Examples:
  isoloss serve
  isoloss serve --port 8000 --results /data/results
  isoloss serve --host 0.0.0.0`,
    )
    .action(async (flags: ServeFlags) => {
      const port = flags.port === undefined ? null : wholeNumber('--port', flags.port, 1, 65_535);
      const { startServer } = await import('../serve/server.js');
      const server = await startServer({
        resultsDir: flags.results,
        ...(flags.db === undefined ? {} : { dbPath: flags.db }),
        host: flags.host,
        port: port ?? DEFAULT_PORT,
        furtherPorts: port === null ? FURTHER_PORTS : 0,
        queryLimitSeconds: wholeNumber('--query-seconds', flags.querySeconds, 1, DAY_SECONDS),
      });
      console.log(server.url);
      const end = (): void => {
        void server.close();
      };
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
    });
}
