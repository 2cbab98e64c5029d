/** Turns what the schema refuses into sentences for people: what is wrong, what is allowed, which name was meant. */
import type { z } from 'zod';
import { didYouMean } from '../ops/nearest.js';

/** One thing wrong with a file: where in its tree, and a sentence. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  /** Whether the key at the end of `path` is meant, rather than its value. */
  readonly atKey: boolean;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;
type JsonSchema = Readonly<Record<string, unknown>>;

/** `cells[0].budgets[1].flops` */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}

/** How a value is named in a message. */
export function valueText(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return `the text "${shortened(value)}"`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return 'a block of keys';
}

/** Enough of a text to know it by: a file that is no sweep may be one long line. */
const shortened = (text: string): string => (text.length <= 80 ? text : `${text.slice(0, 80)} ...`);

/**
 * Describes schema issues.
 *
 * @param issues as zod reports them
 * @param input the data that was checked
 * @param jsonSchema JSON Schema of the same schema, for the keys allowed at a place
 */
export function problemsOf(issues: readonly Issue[], input: unknown, jsonSchema: JsonSchema): Problem[] {
  return issues.flatMap((issue) => problemsOfIssue(issue, [], input, jsonSchema));
}

function problemsOfIssue(
  issue: Issue,
  prefix: readonly PropertyKey[],
  input: unknown,
  jsonSchema: JsonSchema,
): Problem[] {
  const path = [...prefix, ...issue.path];
  const value = valueAt(input, path);
  const here = (message: string): Problem[] => [{ path, atKey: false, message }];
  const name = pathText(path) || 'the file';
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return here(`${name} is missing; it has to be ${typeText(issue.expected)}`);
      return here(`${name} has to be ${typeText(issue.expected)}, not ${valueText(value)}`);
    case 'too_small':
      return here(
        issue.origin === 'array'
          ? `${name} needs at least ${String(issue.minimum)} ${Number(issue.minimum) === 1 ? 'entry' : 'entries'}`
          : issue.origin === 'string'
            ? `${name} must not be empty`
            : `${name} has to be ${issue.inclusive === false ? 'more than' : 'at least'} ${String(issue.minimum)}, not ${valueText(value)}`,
      );
    case 'too_big':
      return here(
        `${name} has to be ${issue.inclusive === false ? 'less than' : 'at most'} ${String(issue.maximum)}, not ${valueText(value)}`,
      );
    case 'invalid_value': {
      const allowed = issue.values.map(String);
      const meant = typeof value === 'string' ? didYouMean(value, allowed) : '';
      return here(
        `${name} has to be ${oneOf(allowed)}, not ${value === undefined ? 'missing' : valueText(value)}.${meant}`,
      );
    }
    case 'invalid_format':
      return here(`${name}: ${valueText(value)} is not a valid name: letters, digits, ".", "_" and "-" only`);
    case 'unrecognized_keys':
      return unknownKeys(issue.keys, path, input, jsonSchema);
    case 'invalid_key':
      return [
        {
          path,
          atKey: true,
          message: `${name}: "${String(path.at(-1))}" is not a valid name: letters, digits, ".", "_" and "-" only`,
        },
      ];
    case 'invalid_union':
      return unionProblems(issue, path, value, input, jsonSchema);
    default:
      return here(`${name}: ${issue.message}`);
  }
}

/** Of the branches of a union, the one the writer meant: right type, no foreign keys, fewest complaints. */
function unionProblems(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: readonly PropertyKey[],
  value: unknown,
  input: unknown,
  jsonSchema: JsonSchema,
): Problem[] {
  const name = pathText(path);
  if ('discriminator' in issue && issue.discriminator !== undefined) {
    const options = ('options' in issue && Array.isArray(issue.options) ? issue.options : []).map(String);
    const meant = typeof value === 'string' ? didYouMean(value, options) : '';
    const given = value === undefined ? 'missing' : valueText(value);
    return [{ path, atKey: false, message: `${name} has to be ${oneOf(options)}, not ${given}.${meant}` }];
  }
  const rightType = issue.errors.filter(
    (branch) =>
      !branch.some(
        (inner) =>
          inner.path.length === 0 && (inner.code === 'invalid_type' || inner.code === 'invalid_value'),
      ),
  );
  if (rightType.length === 0) {
    const wanted = issue.errors.flatMap((branch) => branch.flatMap((inner) => expectation(inner)));
    const given = value === undefined ? 'missing' : valueText(value);
    return [
      { path, atKey: false, message: `${name} has to be ${[...new Set(wanted)].join(' or ')}, not ${given}` },
    ];
  }
  const foreign = (branch: readonly Issue[]) =>
    branch.filter((inner) => inner.code === 'unrecognized_keys').flatMap((inner) => inner.keys);
  const strangers = rightType
    .map(foreign)
    .reduce((common, keys) => common.filter((key) => keys.includes(key)));
  const meant = rightType.reduce((best, branch) => {
    const weight = (candidate: readonly Issue[]) => candidate.length + foreign(candidate).length;
    return weight(branch) < weight(best) ? branch : best;
  });
  if (strangers.length > 0) return unknownKeys(strangers, path, input, jsonSchema);
  return meant.flatMap((inner) => problemsOfIssue(inner, path, input, jsonSchema));
}

function unknownKeys(
  keys: readonly string[],
  path: readonly PropertyKey[],
  input: unknown,
  jsonSchema: JsonSchema,
): Problem[] {
  const allowed = keysAllowedAt(jsonSchema, path, input);
  const where = path.length === 0 ? '' : ` in ${pathText(path)}`;
  return keys.map((key) => ({
    path: [...path, key],
    atKey: true,
    message: `unknown key "${key}"${where}.${didYouMean(key, allowed)} Known keys: ${allowed.join(', ')}`,
  }));
}

function expectation(issue: Issue): string[] {
  if (issue.code === 'invalid_type') return [typeText(issue.expected)];
  if (issue.code === 'invalid_value') return issue.values.map((value) => `"${String(value)}"`);
  return [];
}

function typeText(expected: string): string {
  const names: Record<string, string> = {
    int: 'a whole number',
    number: 'a number',
    string: 'a text',
    boolean: 'true or false',
    array: 'a list',
    object: 'a block of keys',
    record: 'a block of keys',
  };
  return names[expected] ?? expected;
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? `"${values[0]!}"` : `one of ${values.join(', ')}`;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (node, key) =>
      typeof node === 'object' && node !== null ? (node as Record<PropertyKey, unknown>)[key] : undefined,
    input,
  );
}

/** Keys that the schema knows at a place, those of every branch where there are several, those present last. */
function keysAllowedAt(schema: JsonSchema, path: readonly PropertyKey[], input: unknown): string[] {
  let nodes = branches(schema, input);
  let value = input;
  for (const key of path) {
    value = valueAt(value, [key]);
    nodes = nodes.flatMap((node) => {
      const next =
        typeof key === 'number'
          ? node['items']
          : (child(node['properties'], key) ?? node['additionalProperties']);
      return isSchema(next) ? branches(next, value) : [];
    });
  }
  return [
    ...new Set(
      nodes.flatMap((node) => (isSchema(node['properties']) ? Object.keys(node['properties']) : [])),
    ),
  ];
}

/** The branches of a union that the value can be: all, or only that of its `kind`. */
function branches(schema: JsonSchema, value: unknown): JsonSchema[] {
  const options = schema['anyOf'] ?? schema['oneOf'];
  if (!Array.isArray(options)) return [schema];
  const schemas = options.filter(isSchema);
  const kind = valueAt(value, ['kind']);
  const ofKind = schemas.filter((option) => child(child(option['properties'], 'kind'), 'const') === kind);
  return kind !== undefined && ofKind.length > 0 ? ofKind : schemas;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null;
}

function child(value: unknown, key: PropertyKey): unknown {
  return valueAt(value, [key]);
}
