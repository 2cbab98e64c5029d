/** The flag --engine, the same for every command that trains or times. */
import { Option } from 'commander';
import { DEFAULT_ENGINE, ENGINE_NAMES } from '../engine/engineNames.js';

/** Left out, ISOLOSS_ENGINE holds, then what a sweep file says, then the default. */
export const engineOption = (): Option =>
  new Option(
    '--engine <name>',
    `what computes (docs/engines.md); ${DEFAULT_ENGINE} unless the sweep file says another`,
  )
    .choices(ENGINE_NAMES)
    .env('ISOLOSS_ENGINE');
