import type { Command } from 'commander';
export function addCompareCommand(program: Command): void {
  program.command('compare');
}
