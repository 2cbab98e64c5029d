/** Values of flags that no study needs are refused before they take all memory, with the flag's name and its limit. */
import { Command } from 'commander';
import { describe, expect, it, vi } from 'vitest';
import { addBenchCommand } from '../../src/cli/bench.js';
import { addCheckCommand } from '../../src/cli/check.js';
import { addCompareCommand } from '../../src/cli/compare.js';
import { addDataCommand } from '../../src/cli/data.js';
import { addFitCommand } from '../../src/cli/fit.js';
import { knownArchitecture, wholeNumber } from '../../src/cli/flags.js';
import { addPlanCommand } from '../../src/cli/plan.js';
import { addQueryCommand } from '../../src/cli/query.js';
import { addReportCommand } from '../../src/cli/report.js';
import { addRunCommand } from '../../src/cli/run.js';
import { addRunsCommand } from '../../src/cli/runs.js';
import { addServeCommand } from '../../src/cli/serve.js';
import { addSimulateCommand } from '../../src/cli/simulate.js';
import { useSharedFolder } from '../store/fixtures.js';
import { writeSmallStudy } from '../store/results.js';

const results = useSharedFolder();

async function refusal(...args: readonly string[]): Promise<string> {
  const program = new Command('isoloss').exitOverride().configureOutput({ writeErr: () => undefined });
  for (const command of [
    addBenchCommand,
    addCheckCommand,
    addDataCommand,
    addFitCommand,
    addPlanCommand,
    addCompareCommand,
    addQueryCommand,
    addReportCommand,
    addRunsCommand,
    addRunCommand,
    addServeCommand,
    addSimulateCommand,
  ]) {
    command(program);
  }
  for (const command of program.commands) command.exitOverride();
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    expect((error as Error).name).toMatch(/^(UsageError|ModelError|CommanderError)$/);
    return (error as Error).message;
  } finally {
    write.mockRestore();
  }
  throw new Error('it was accepted');
}

describe('flags', () => {
  it.each([
    ['plan quick --workers 1e9', '--workers takes a whole number of at most 1024, not "1e9"'],
    ['run quick --dry-run --threads 5000', '--threads takes a whole number of at most 1024, not "5000"'],
    ['plan --arch primer --d 1e9 --layers 2', '--d takes a whole number of at most 65536, not "1e9"'],
    ['plan --arch primer --d 64 --layers 1e6', '--layers takes a whole number of at most 1024, not "1e6"'],
    ['check primer --vocab 1', '--vocab takes a whole number of at least 2, not "1"'],
    ['check primer --batch 1e9', '--batch takes a whole number of at most 1048576, not "1e9"'],
    ['data prepare sotu --vocab 1e12', '--vocab takes a whole number of at most 16777216, not "1e12"'],
    ['serve --port 70000', '--port takes a whole number of at most 65535, not "70000"'],
    ['serve --query-seconds 1e9', '--query-seconds takes a whole number of at most 86400, not "1e9"'],
    ['report quick --bootstraps 1e9', 'It must be a whole number of draws, 100000 at most'],
    ['simulate quick-design --studies 1e9', '--studies takes a whole number of at most 100000, not "1e9"'],
    ['simulate quick-design --bootstraps 1.5', '--bootstraps takes a whole number of at least 1, not "1.5"'],
    ['simulate quick --seed-deviation -1', '--seed-deviation needs a number of at least 0, not "-1".'],
  ])('refuses isoloss %s', async (line, message) => {
    expect(await refusal(...line.split(' '))).toContain(message);
  });

  it('refuses more draws than there is memory for in fits of a sweep', async () => {
    writeSmallStudy(results);
    expect(await refusal('fit', 'quick', '--results', results, '--bootstraps', '1e9')).toBe(
      '--bootstraps takes a whole number of at most 100000, not "1e9"',
    );
  });

  it('are whole numbers that a number can hold', () => {
    expect(wholeNumber('--steps', '1e6')).toBe(1_000_000);
    expect(() => wholeNumber('--steps', '1e300')).toThrow(/--steps takes a whole number of at most \d+/);
  });

  it('name the architecture that is nearest to one that is not known', () => {
    expect(() => knownArchitecture('primr-ez')).toThrow('Did you mean "primer-ez"?');
  });
});

describe('flags that would not be heeded', () => {
  it.each([
    ['run quick --dry-run --report', '--dry-run trains nothing: leave out --report and --time'],
    ['plan quick --on h100 --workers 2', '--workers and --threads are about this machine'],
    ['plan --arch primer --d 64 --layers 2 --workers 2', '--workers is for the runs of a sweep'],
    ['compare x.ts --dry-run --out x', '--dry-run writes no report'],
    ['compare x.ts --budgets ,', '--budgets takes names separated by commas, and one of "," is empty.'],
    [
      'report quick --baseline a,,b',
      '--baseline takes names separated by commas, and one of "a,,b" is empty.',
    ],
    ['report quick --variants a,', '--variants takes names separated by commas, and one of "a," is empty.'],
    ['query failed --json --format csv', '--json stands for --format json, and --format says csv'],
    ['runs --json --format csv', '--json stands for --format json, and --format says csv'],
  ])('are refused: isoloss %s', async (line, message) => {
    expect(await refusal(...line.split(' '))).toContain(message);
  });
});

describe('isoloss bench', () => {
  it.each([
    ['--vocab 1', '--vocab takes a whole number of at least 2, not "1"'],
    ['--length 0', '--length takes a whole number of at least 1, not "0"'],
    ['--d 6', '--d takes a multiple of 4, the heads of every case, not 6.'],
    ['--d 4 --arch llama', 'dHead must be even, not 1'],
    ['--d 65536 --layers 100', 'give smaller --d, --layers, --batch, --length or --vocab'],
  ])('refuses %s before anything is measured', async (flags, message) => {
    expect(await refusal('bench', ...flags.split(' '))).toContain(message);
  });
});
