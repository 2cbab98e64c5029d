import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { addQueryCommand } from '../../src/cli/query.js';
import { addReindexCommand } from '../../src/cli/reindex.js';
import { addRunsCommand } from '../../src/cli/runs.js';
import { IS_BUILT, PROGRAM } from '../sweeps/program.js';
import { useSharedFolder } from './fixtures.js';
import { key } from './records.js';
import { writeSmallStudy } from './results.js';

const results = useSharedFolder();
beforeAll(() => {
  writeSmallStudy(results);
});

/** Runs a command line and returns what it wrote to standard output. */
async function output(...args: readonly string[]): Promise<string> {
  const program = new Command().exitOverride();
  for (const add of [addRunsCommand, addQueryCommand, addReindexCommand]) add(program);
  let text = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  const log = vi.spyOn(console, 'log').mockImplementation((line) => {
    text += `${String(line)}\n`;
  });
  try {
    await program.parseAsync([...args, '--results', results], { from: 'user' });
  } finally {
    write.mockRestore();
    log.mockRestore();
  }
  return text;
}

describe('the commands of the store', () => {
  it('isoloss query answers in the format asked for', async () => {
    const sql = `SELECT runKey, testLossNats FROM runs WHERE runKey = '${key(3)}'`;
    expect(await output('query', sql, '--format', 'csv')).toBe(`runKey,testLossNats\r\n${key(3)},4.3\r\n`);
    expect(JSON.parse(await output('query', sql, '--json'))).toEqual([{ runKey: key(3), testLossNats: 4.3 }]);
    expect(await output('query')).toContain('best_per_budget');
    await expect(output('query', 'DELETE FROM runs')).rejects.toThrow('A query only reads');
  });

  it('isoloss query says which sweeps there are, and where --sweep would change nothing', async () => {
    await expect(output('query', 'failed', '--sweep', 'quik')).rejects.toThrow(
      'There is no sweep "quik" among the results. Did you mean "quick"? Sweeps there are: quick.',
    );
    expect(await output('query', 'failed', '--sweep', 'quick', '--format', 'csv')).toContain('interrupted');
    expect(await output('query', 'cells', '--sweep', 'quick', '--format', 'csv')).toContain('primer-ez');
    await expect(output('query', 'SELECT 1', '--sweep', 'quick')).rejects.toThrow(
      '--sweep is the value of $sweep, which this question does not use',
    );
    await expect(output('query', 'runs', '--sweep', 'quick')).rejects.toThrow(/does not use/);
  });

  it('isoloss query without a question lists what can be asked, as JSON too', async () => {
    const { queries, relations } = JSON.parse(await output('query', '--json')) as {
      queries: { name: string }[];
      relations: { name: string; columns: string[] }[];
    };
    expect(queries.map(({ name }) => name)).toContain('best-per-budget');
    expect(relations.find(({ name }) => name === 'runs')?.columns).toContain('testLossNats');
    await expect(output('query', '--format', 'csv')).rejects.toThrow(/text, or JSON with --json, not csv/);
    await expect(output('query', '--out', 'x.csv')).rejects.toThrow(/--out writes the answer to a question/);
  });

  it('isoloss query names a damaged sweep.json, instead of saying that there is no sweep', async () => {
    const folder = join(results, 'torn');
    mkdirSync(folder);
    writeFileSync(join(folder, 'sweep.json'), '{ "half');
    await expect(output('query', 'failed', '--sweep', 'torn')).rejects.toThrow(/torn\/sweep\.json.*not JSON/);
    rmSync(folder, { recursive: true });
  });

  it('isoloss runs lists runs: briefly for people, whole for programs', async () => {
    const text = await output('runs', 'quick', '--status', 'interrupted');
    expect(text.split('\n')[2]).toMatch(
      /^quick +primer-ez +4e10 +64 +2 +0 +interrupted +312 +625 .* 5200 +0{15}9$/,
    );
    const all = JSON.parse(await output('runs', '--arch', 'transformer', '--json')) as Record<
      string,
      unknown
    >[];
    expect(all.map((run) => run['runKey'])).toEqual([1, 2, 3, 4].map(key));
    expect(all[0]).toMatchObject({ learningRate: 0.01, finishedAt: '2025-01-01T00:01:00.000Z' });
  });

  it('isoloss reindex says what the index holds', async () => {
    expect(await output('reindex')).toMatch(
      /isoloss\.db: 9 runs of 1 sweeps, 3468 training rows, 14 evaluations\.\n$/,
    );
    expect(JSON.parse(await output('reindex', '--json'))).toMatchObject({ runs: 9, problems: [] });
  });
});

describe.skipIf(!IS_BUILT || process.platform !== 'linux')('the built program', () => {
  it('says in a sentence that its output can not be written', () => {
    const full = openSync('/dev/full', 'w');
    for (const command of ['runs', 'reindex']) {
      const { status, stderr } = spawnSync(process.execPath, [PROGRAM, command, '--results', results], {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      });
      expect(status).toBe(1);
      expect(stderr).toMatch(/^Can't write to standard output: .*ENOSPC.*\n$/);
    }
    closeSync(full);
  });
});
