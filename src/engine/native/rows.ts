/**
 * A loop over rows as a C function. For each row its nodes are computed in stages: a stage goes once over the columns, and what
 * it sums up is known to the next. Values that later stages need again wait in a buffer as long as a row.
 */
import type { OnnxDType, OnnxNode, OnnxValue } from '../onnx/graph.js';
import { sizeOf } from '../tensors.js';
import { laidOut } from './memory.js';
import { ARRAY_TYPE, expressionOf, literal, variableType } from './expressions.js';
import type { RowLoop } from './fuse.js';
import {
  operandCount,
  resultAccess,
  roleOf,
  type Operand,
  type OperandFinder,
  type Role,
} from './operands.js';
import { isTriangular, stagesOf, TRIANGLE_STEP } from './stages.js';
import type { TriangleFinder } from './triangles.js';
import { distance, type RowAccess } from './views.js';

/** An array that a function is given: a value's, or room for partial sums. */
export interface Argument {
  readonly value: OnnxValue;
  readonly use: 'read' | 'write' | 'partial';
  /** Elements from the start of the array: with them in the call, loops over parts of arrays are equal. */
  readonly offset: number;
}

export interface RowFunction {
  /** Parameters and body, without a name: equal loops over different arrays have equal text. */
  readonly text: string;
  readonly arguments: readonly Argument[];
  /** Room that a thread needs beside its stack. */
  readonly scratchFloats: number;
  /** Sums over all rows, of which threads have a part each: to be added up after the loop. */
  readonly sums: readonly RowSum[];
  /** Bytes of one thread's parts of all sums. */
  readonly sumBytes: number;
}

export interface RowSum {
  readonly value: OnnxValue;
  readonly operator: Operator;
  readonly length: number;
  /** Bytes from the first of a thread's parts to this one. */
  readonly at: number;
}

type Operator = '+' | '*' | 'max' | 'min';

const OPERATORS: Readonly<Record<string, Operator>> = {
  ReduceSum: '+',
  ReduceProd: '*',
  ReduceMax: 'max',
  ReduceMin: 'min',
  PickAt: '+',
};

const operatorOf = (node: OnnxNode): Operator => OPERATORS[node.op]!;

function startOf(operator: Operator, dtype: OnnxDType): string {
  if (operator === '+') return literal(0, dtype);
  if (operator === '*') return literal(1, dtype);
  if (dtype === 'float32') return operator === 'max' ? '(-INFINITY)' : 'INFINITY';
  return operator === 'max' ? 'INT32_MIN' : 'INT32_MAX';
}

export const accumulated = (operator: Operator, sum: string, x: string): string =>
  operator === '+' || operator === '*'
    ? `${sum} ${operator}= ${x};`
    : `${sum} = ${x} ${operator === 'max' ? '>' : '<'} ${sum} ? ${x} : ${sum};`;

/** Of the buffers of one loop. Node's worker threads have stacks of 4 MiB, those of a step's other threads 2. */
const MAX_STACK_BYTES = 1 << 18;

/** Writes one loop: state with a life, as long as the writing. */
class RowWriter {
  private readonly loop: RowLoop;
  private readonly finder: OperandFinder;
  private readonly isStored: (value: OnnxValue) => boolean;
  private readonly roles: ReadonlyMap<OnnxNode, Role>;
  private readonly arguments: Argument[] = [];
  private readonly parameters: string[] = [];
  private readonly names = new Map<OnnxValue, string>();
  private readonly pointers = new Map<string, string>();
  /** Where each row begins, written at the head of the loop. */
  private readonly head: string[] = [];
  private readonly stages: ReadonlyMap<OnnxNode, number>;
  /** Types of the buffers in which values wait, and sums of columns are made, by name. */
  private readonly buffers = new Map<string, string>();
  /** C for the number of columns to compute. */
  private readonly width: string;

  constructor(
    loop: RowLoop,
    finder: OperandFinder,
    triangles: TriangleFinder,
    isStored: (value: OnnxValue) => boolean,
  ) {
    this.loop = loop;
    this.finder = finder;
    this.isStored = isStored;
    this.roles = new Map(loop.nodes.map((node) => [node, roleOf(node, loop.rows, loop.columns)]));
    this.stages = stagesOf(loop.nodes, this.role, this.operands);
    this.width = isTriangular(loop, this.role, triangles, isStored) ? 'width' : String(loop.columns);
  }

  /** Zeros above the diagonal of what is kept. */
  private zeroLines(): string[] {
    if (this.width !== 'width') return [];
    return this.loop.nodes.flatMap((node) => {
      const access = this.role(node) === 'full' ? this.stored(node.outputs[0]!) : null;
      if (access === null) return [];
      const place = access.stride === 1 ? 'c' : `c * ${access.stride}L`;
      const row = this.row(node.outputs[0]!, access, 'write');
      return [`for (long c = width; c < ${this.loop.columns}; c++) ${row}[${place}] = 0;`];
    });
  }

  private readonly operands = (node: OnnxNode): Operand[] => {
    const { rows, columns } = this.loop;
    return node.inputs
      .slice(0, operandCount(node))
      .map((_, i) => this.finder.find(node, i, this.roles, rows, columns)!);
  };

  private readonly role = (node: OnnxNode): Role => this.roles.get(node)!;
  private readonly isScalar = (node: OnnxNode): boolean => {
    const role = this.role(node);
    return role === 'scalar' || (role === 'total' && this.isOfScalars(node));
  };
  private isOfScalars(node: OnnxNode): boolean {
    return sizeOf(node.inputs[0]!.shape) !== this.loop.rows * this.loop.columns;
  }

  private parameter(value: OnnxValue, use: Argument['use'], offset = 0): string {
    const known = this.arguments.findIndex(
      (argument) => argument.value === value && argument.use === use && argument.offset === offset,
    );
    if (known !== -1) return `a${known}`;
    const name = `a${this.arguments.length}`;
    this.arguments.push({ value, use, offset });
    const type = ARRAY_TYPE[value.dtype];
    this.parameters.push(`${use === 'read' ? `const ${type}` : type} *restrict ${name}`);
    return name;
  }

  /** A pointer to the row of an access. */
  private row(value: OnnxValue, access: RowAccess, use: 'read' | 'write'): string {
    const { view, rows } = access;
    const base = this.parameter(view.root, use, view.offset);
    const key = `${base} ${view.shift} ${JSON.stringify(rows)}`;
    const known = this.pointers.get(key);
    if (known !== undefined) return known;
    const name = `p${this.pointers.size}`;
    this.pointers.set(key, name);
    const type = `${use === 'read' ? 'const ' : ''}${ARRAY_TYPE[value.dtype]}`;
    if (view.shift === 0) {
      this.head.push(`${type} *${name} = ${base} + ${distance(rows, 'r')};`);
    } else {
      const { size: count, stride } = rows[0]!;
      const at = `r * ${stride}L - ${view.shift}L`;
      const zeros = `(const ${ARRAY_TYPE[value.dtype]} *)zero_row`;
      const size = count * stride;
      this.head.push(`${type} *${name} = ${at} >= 0 && ${at} < ${size}L ? ${base} + ${at} : ${zeros};`);
    }
    return name;
  }

  private variable(value: OnnxValue): string {
    const name = this.names.get(value) ?? `v${this.names.size}`;
    this.names.set(value, name);
    return name;
  }

  private read(operand: Operand, stage: number): string {
    switch (operand.kind) {
      case 'literal':
        return literal(operand.value, operand.dtype);
      case 'memory': {
        const { value, access } = operand;
        const pointer = this.row(value, access, 'read');
        if (operand.isScalar) return `${pointer}[0]`;
        return access.stride === 1 ? `${pointer}[c]` : `${pointer}[c * ${access.stride}L]`;
      }
      case 'variable': {
        const node = operand.value.producer!;
        const name = this.variable(operand.value);
        if (operand.isScalar || this.stages.get(node) === stage) return name;
        return this.waiting(operand.value);
      }
      default:
        return operand satisfies never;
    }
  }

  /** Where a value of an earlier stage is read again: its own array, if it has one. */
  private waiting(value: OnnxValue): string {
    const access = this.stored(value);
    if (access?.stride === 1) return `${this.row(value, access, 'write')}[c]`;
    return `${this.variable(value)}_[c]`;
  }

  private stored(value: OnnxValue): RowAccess | null {
    const node = value.producer!;
    const { rows, columns } = this.loop;
    return this.isStored(value)
      ? resultAccess(this.finder.layout, node, this.role(node), rows, columns)
      : null;
  }

  private valueOf(node: OnnxNode, stage: number): string {
    const x = this.operands(node).map((operand) => this.read(operand, stage));
    if (node.op === 'AddAt') return `${x[0]} + ((int)c == (int)${x[1]} ? ${x[2]} : 0)`;
    if (node.op === 'PickAt') return `((int)c == (int)${x[1]} ? ${x[0]} : 0)`;
    return operandCount(node) === node.inputs.length ? expressionOf(node, x) : x[0]!;
  }

  private scalarLines(stage: number): string[] {
    const lines: string[] = [];
    for (const node of this.loop.nodes) {
      if (!this.isScalar(node) || this.stages.get(node) !== stage) continue;
      const value = node.outputs[0]!;
      if (this.role(node) === 'total') {
        lines.push(accumulated(operatorOf(node), `t${this.sumIndex(node)}`, this.valueOf(node, stage)));
        continue;
      }
      lines.push(`${variableType(value.dtype)} ${this.variable(value)} = ${this.valueOf(node, stage)};`);
      lines.push(...this.storeScalar(value));
    }
    return lines;
  }

  private storeScalar(value: OnnxValue): string[] {
    const access = this.stored(value);
    return access === null ? [] : [`${this.row(value, access, 'write')}[0] = ${this.variable(value)};`];
  }

  private readonly sumIndex = (node: OnnxNode): number => this.sums().indexOf(node);

  /** Nodes that sum over rows. */
  private sums(): OnnxNode[] {
    return this.loop.nodes.filter((node) => ['columnReduction', 'total'].includes(this.role(node)));
  }

  private stageLines(stage: number): string[] {
    const nodes = this.loop.nodes.filter((node) => this.stages.get(node) === stage && !this.isScalar(node));
    if (nodes.length === 0) return [];
    const before: string[] = [];
    const reductions = new Map<Operator, string[]>();
    const body: string[] = [];
    const after: string[] = [];
    for (const node of nodes) {
      const value = node.outputs[0]!;
      const role = this.role(node);
      const name = this.variable(value);
      const x = this.valueOf(node, stage);
      const type = variableType(value.dtype);
      switch (role) {
        case 'full': {
          body.push(`${type} ${name} = ${x};`);
          const access = this.stored(value);
          if (access !== null) {
            const place = access.stride === 1 ? 'c' : `c * ${access.stride}L`;
            body.push(`${this.row(value, access, 'write')}[${place}] = ${name};`);
          }
          if (this.isReadLater(node, stage) && access?.stride !== 1) {
            this.buffers.set(`${name}_`, type);
            body.push(`${name}_[c] = ${name};`);
          }
          break;
        }
        case 'rowReduction':
        case 'total': {
          const operator = operatorOf(node);
          before.push(`${type} ${name} = ${startOf(operator, value.dtype)};`);
          reductions.set(operator, [...(reductions.get(operator) ?? []), name]);
          body.push(accumulated(operator, name, x));
          if (role === 'total') after.push(accumulated(operator, `t${this.sumIndex(node)}`, name));
          else after.push(...this.storeScalar(value));
          break;
        }
        case 'columnReduction':
          body.push(`s${this.sumIndex(node)}[c] += ${x};`);
          break;
        case 'scalar':
          break;
        default:
          return role satisfies never;
      }
    }
    const clauses = [...reductions].map(([operator, names]) => ` reduction(${operator}:${names.join(', ')})`);
    return [
      ...before,
      `#pragma omp simd${clauses.join('')}`,
      `for (long c = 0; c < ${this.width}; c++) {`,
      ...body,
      '}',
      ...after,
    ];
  }

  /** Small buffers lie on the stack; those of a large vocabulary would fill it. */
  private bufferLines(): { readonly lines: string[]; readonly scratchFloats: number } {
    const { columns } = this.loop;
    const stride = Math.ceil(columns / 16) * 16;
    const isSmall = this.buffers.size * columns * 8 <= MAX_STACK_BYTES;
    const lines = [...this.buffers].map(([name, type], i) =>
      isSmall
        ? `${type} ${name}[${columns}] __attribute__((aligned(64)));`
        : `${type} *${name} = (${type} *)(scratch + ${2 * i * stride}L);`,
    );
    return { lines, scratchFloats: isSmall ? 0 : 2 * this.buffers.size * stride };
  }

  private isReadLater(node: OnnxNode, stage: number): boolean {
    return this.loop.nodes.some(
      (reader) =>
        this.stages.get(reader)! > stage &&
        this.operands(reader).some(
          (operand) => operand.kind === 'variable' && operand.value === node.outputs[0]!,
        ),
    );
  }

  write(): RowFunction {
    const sums = this.sums();
    const last = Math.max(...this.stages.values()) + 1;
    const body: string[] = [];
    for (let stage = 0; stage <= last; stage++)
      body.push(...this.scalarLines(stage), ...this.stageLines(stage));
    body.push(...this.zeroLines());
    if (this.width === 'width') {
      // As many whole vectors as reach the diagonal.
      const row = `r % ${this.loop.columns}`;
      this.head.unshift(
        `const long width = (${row}) / ${TRIANGLE_STEP} * ${TRIANGLE_STEP} + ${TRIANGLE_STEP};`,
      );
    }
    const start: string[] = [];
    const end: string[] = [];
    for (const [i, node] of sums.entries()) {
      const value = node.outputs[0]!;
      const { dtype } = value;
      const array = this.parameter(value, 'partial');
      if (this.role(node) === 'columnReduction') {
        // Summed in an array of its own: gcc 12 was seen to drop the zeros before sums into neighbouring arguments.
        this.buffers.set(`s${i}`, ARRAY_TYPE[dtype]);
        start.push(`for (long c = 0; c < ${this.loop.columns}; c++) s${i}[c] = 0;`);
        end.push(`for (long c = 0; c < ${this.loop.columns}; c++) ${array}[c] = s${i}[c];`);
      } else {
        // Rows are many: a float would round away what each adds.
        const type = dtype === 'float32' ? 'double' : variableType(dtype);
        start.push(`${type} t${i} = ${startOf(operatorOf(node), dtype)};`);
        end.push(`${array}[0] = (${ARRAY_TYPE[dtype]})t${i};`);
      }
    }
    const buffers = this.bufferLines();
    const text = [
      `(long from, long to, float *scratch, ${this.parameters.join(', ')}) {`,
      '(void)scratch;',
      ...buffers.lines,
      ...start,
      'for (long r = from; r < to; r++) {',
      ...this.head,
      ...body,
      '}',
      ...end,
      '}',
    ].join('\n');
    const values = sums.map((node) => node.outputs[0]!);
    const { offsets, bytes } = laidOut(values);
    return {
      text,
      arguments: this.arguments,
      scratchFloats: buffers.scratchFloats,
      sums: sums.map((node, i) => ({
        value: values[i]!,
        operator: operatorOf(node),
        length: sizeOf(values[i]!.shape),
        at: offsets[i]!,
      })),
      sumBytes: bytes,
    };
  }
}

export const writeRows = (
  loop: RowLoop,
  finder: OperandFinder,
  triangles: TriangleFinder,
  isStored: (value: OnnxValue) => boolean,
): RowFunction => new RowWriter(loop, finder, triangles, isStored).write();
