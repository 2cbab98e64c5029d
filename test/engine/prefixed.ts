/** Several programs in one: names of tensors, with the place of their program before them. */
import type { FunctionProgram } from '../../src/engine/executable.js';

/** The values of several programs. */
export const joined = <T>(parts: readonly Readonly<Record<string, T>>[]): Record<string, T> =>
  Object.fromEntries(
    parts.flatMap((part, i) => Object.entries(part).map(([name, value]) => [`${i}:${name}`, value])),
  );

/** The values of one of them. */
export const partOf = <T>(values: Readonly<Record<string, T>>, i: number): Record<string, T> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      name.startsWith(`${i}:`) ? [[name.slice(`${i}:`.length), value]] : [],
    ),
  );

/** Specs of several programs. */
export const joinedSpecs = <T extends { readonly name: string }>(parts: readonly (readonly T[])[]): T[] =>
  parts.flatMap((specs, i) => specs.map((spec) => ({ ...spec, name: `${i}:${spec.name}` })));

/** Several functions as one: a compiler does much of what it does once a file. */
export const programsTogether = (programs: readonly FunctionProgram[]): FunctionProgram => ({
  inputs: joinedSpecs(programs.map(({ inputs }) => inputs)),
  fn: (tensors) => joined(programs.map(({ fn }, i) => fn(partOf(tensors, i)))),
});
