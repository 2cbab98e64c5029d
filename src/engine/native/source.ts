/** From a graph to the C file of a step: its loops as functions, and the order in which they are called. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { OnnxGraph, OnnxNode, OnnxValue } from '../onnx/graph.js';
import { BYTES } from '../onnx/liveness.js';
import { sizeOf } from '../tensors.js';
import type { TraceGraph } from '../trace/graph.js';
import { blocksOf, type Block } from './blocks.js';
import { ARRAY_TYPE } from './expressions.js';
import { unitsOf, type RowLoop, type Unit } from './fuse.js';
import { OperandFinder } from './operands.js';
import { layoutOf, type Layout } from './layout.js';
import { isProduct } from './matrices.js';
import { arraysOf, laidOut, planMemory, type MemoryPlan, type Place, type StepLayout } from './memory.js';
import { prepared } from './prepare.js';
import { writeOneProduct, writeProduct, type ProductContext } from './products.js';
import { accumulated, writeRows, type RowFunction, type RowSum } from './rows.js';
import { writeSingle } from './singles.js';
import { storedValues } from './stored.js';
import { trianglesOf, type TriangleFinder } from './triangles.js';
import type { View } from './views.js';
import { Waits } from './waits.js';

/** Headers that every step includes, in this order. */
const HEADERS = ['functions', 'product', 'threads', 'addon', 'parts'];
const HEADER_FOLDER = fileURLToPath(new URL('../../../src/engine/native/c/', import.meta.url));

export const headerPaths = (): string[] => HEADERS.map((name) => `${HEADER_FOLDER}${name}.h`);

export const headerText = (): string =>
  headerPaths()
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');

export interface StepSource {
  readonly text: string;
  /** What the file includes as `constants.bin`. */
  readonly constants: Uint8Array;
  /** Most bytes of a step's values in memory at a time, the state not among them. */
  readonly arenaBytes: number;
}

const AREAS: Readonly<Record<Place['area'], (at: number) => string>> = {
  state: (at) => `x->state + ${at}`,
  next: (at) => `x->next + ${at}`,
  arena: (at) => `x->arena + ${at}`,
  constants: (at) => `constant_data + ${at}`,
  perStep: (at) => `x->per_step[${at}]`,
  results: (at) => `x->results[${at}]`,
};

const IS_READ_ONLY: readonly Place['area'][] = ['state', 'constants', 'perStep'];

/** Writes the file: state with a life, as long as the writing. */
class SourceWriter {
  private readonly graph: OnnxGraph;
  private readonly step: StepLayout;
  private readonly threads: number;
  private readonly layout: Layout;
  private readonly blocks: readonly Block[];
  private readonly loops = new Map<Unit, RowFunction>();
  private readonly memory: MemoryPlan;
  private readonly triangles: TriangleFinder;
  private readonly functions = new Map<string, string>();
  private readonly lines: string[] = [];
  private readonly waits = new Waits();

  constructor(graph: OnnxGraph, step: StepLayout, threads: number) {
    this.graph = graph;
    this.step = step;
    this.threads = threads;
    this.layout = layoutOf(graph);
    this.triangles = trianglesOf(graph);
    const finder = new OperandFinder(this.layout);
    const units = unitsOf(graph, finder);
    const isStored = storedValues(graph, units);
    const outside = new Set([...graph.inputs, ...graph.outputs.map(({ value }) => value)]);
    const blocks = blocksOf(units, finder, isStored, (root) => outside.has(root));
    this.blocks = blocks.blocks;
    for (const unit of units)
      if (unit.kind === 'rows') this.loops.set(unit, writeRows(unit, finder, this.triangles, isStored));
    const partsOf = (unit: Unit): number => {
      const loop = this.loops.get(unit);
      return loop === undefined || threads === 1 ? 0 : threads * loop.sumBytes;
    };
    this.memory = planMemory(graph, blocks, threads, this.layout, step, isStored, partsOf);
  }

  private readonly pointer = (place: Place, value: OnnxValue): string => {
    const constness = IS_READ_ONLY.includes(place.area) ? 'const ' : '';
    // Whoever reads it adds the parts before part b.
    const part =
      place.part === undefined ? '' : ` + thread * ${place.part.threadBytes}L - b * ${place.part.bytes}L`;
    return `(${constness}${ARRAY_TYPE[value.dtype]} *)(${AREAS[place.area](place.at)}${part})`;
  };

  private readonly pointerTo = (view: View): string => {
    const base = this.pointer(this.place(view.root), view.root);
    return view.offset === 0 ? base : `${base} + ${view.offset}L`;
  };

  private productContext(node: OnnxNode): ProductContext {
    const { layout, threads, pointerTo } = this;
    return { node, layout, threads, pointerTo, triangles: this.triangles.ofProduct(node) };
  }

  private barrier(): void {
    this.waits.clear();
    if (this.threads > 1) this.lines.push('barrier(team, thread);');
  }

  private waitFor({ units }: Block): void {
    const arrays = units.map((unit) => arraysOf(unit, this.layout));
    const places = (roots: readonly OnnxValue[]): Place[] =>
      roots.flatMap((root) => this.memory.placeOf(root) ?? []);
    const partials = units.flatMap((unit) => this.memory.partials.get(unit) ?? []);
    const read = places(arrays.flatMap((array) => array.read));
    const written = [...places(arrays.flatMap((array) => array.written)), ...partials];
    if (this.waits.isNeeded(read, written)) this.barrier();
    this.waits.note(read, written);
  }

  /** The place of an array that is in memory. */
  private readonly place = (root: OnnxValue): Place => this.memory.placeOf(root)!;

  private callLoop(unit: RowLoop, batch: number): void {
    const loop = this.loops.get(unit)!;
    const name = this.functions.get(loop.text) ?? `rows_${this.functions.size}`;
    this.functions.set(loop.text, name);
    const partials = this.memory.partials.get(unit);
    const { sums, sumBytes } = loop;
    const partOf = ({ at }: RowSum): number => partials!.at + at;
    const given = loop.arguments.map(({ value, use, offset }) => {
      const start = offset === 0 ? '' : ` + ${offset}L`;
      if (use !== 'partial') return `${this.pointer(this.place(value), value)}${start}`;
      if (partials === undefined) return this.pointerTo(this.layout(value));
      const sum = sums.find((each) => each.value === value)!;
      return `(${ARRAY_TYPE[value.dtype]} *)(x->arena + ${partOf(sum)} + thread * ${sumBytes}L)`;
    });
    const part = unit.rows / batch;
    const rows = batch === 1 ? `FROM(${unit.rows}), TO(${unit.rows})` : `b * ${part}L, (b + 1) * ${part}L`;
    this.lines.push(`${name}(${rows}, x->scratch, ${given.join(', ')});`);
    if (partials === undefined) return;
    this.barrier();
    for (const sum of sums) {
      const { value, operator, length } = sum;
      const type = ARRAY_TYPE[value.dtype];
      this.lines.push(
        `for (long c = FROM(${length}); c < TO(${length}); c++) {`,
        `const ${type} *part = (const ${type} *)(x->arena + ${partOf(sum)}) + c;`,
        `${type} sum = part[0];`,
        `for (int t = 1; t < THREADS; t++) { const ${type} next = part[t * ${sumBytes / BYTES[value.dtype]}L]; ${accumulated(operator, 'sum', 'next')} }`,
        `(${this.pointerTo(this.layout(value))})[c] = sum;`,
        '}',
      );
    }
    const written = sums.map(({ value }) => this.place(this.layout(value).root));
    this.waits.note([partials], written);
  }

  private writeUnit(unit: Unit): void {
    if (unit.kind === 'rows') {
      this.callLoop(unit, 1);
      return;
    }
    const [node] = unit.nodes;
    this.lines.push(
      ...(isProduct(node)
        ? writeProduct(this.productContext(node))
        : writeSingle({ node, layout: this.layout, pointerTo: this.pointerTo })),
    );
  }

  private writeBatch({ units, batch }: Block): void {
    this.lines.push(`for (long b = FROM(${batch}); b < TO(${batch}); b++) {`);
    for (const unit of units) {
      if (unit.kind === 'rows') this.callLoop(unit, batch);
      else this.lines.push(writeOneProduct(this.productContext(unit.nodes[0])));
    }
    this.lines.push('}');
  }

  write(): StepSource {
    for (const block of this.blocks) {
      this.waitFor(block);
      this.lines.push(`/* ${block.units.map(describe).join(' | ')} */`);
      if (block.batch === 1) this.writeUnit(block.units[0]!);
      else this.writeBatch(block);
    }
    const { step, graph } = this;
    const inputs = new Map(graph.inputs.map((input) => [input.inputName!, input]));
    const results = new Map(graph.outputs.map(({ name, value }) => [name, value]));
    const bytes = (value: OnnxValue): number => sizeOf(value.shape) * BYTES[value.dtype];
    const list = (sizes: readonly number[]): string => `{${sizes.length === 0 ? '0' : sizes.join(', ')}}`;
    const scratch = Math.max(0, ...[...this.loops.values()].map(({ scratchFloats }) => scratchFloats));
    const widest = Math.max(
      1,
      ...this.blocks.flatMap(({ units }) => units.map((unit) => (unit.kind === 'rows' ? unit.columns : 1))),
    );
    const text = [
      '#define _GNU_SOURCE',
      '#include <math.h>',
      '#include <stdint.h>',
      '#include <string.h>',
      `#define THREADS ${this.threads}`,
      `#define STATE_BYTES ${Math.max(64, laidOut(step.state).bytes)}L`,
      `#define ARENA_BYTES ${Math.max(64, this.memory.arenaBytes)}L`,
      `#define SCRATCH_FLOATS (PRODUCT_SCRATCH > ${scratch}L ? PRODUCT_SCRATCH : ${scratch}L)`,
      `#define PER_STEP_COUNT ${step.perStep.length}`,
      `#define RESULT_COUNT ${step.results.length}`,
      `static const long per_step_bytes[] = ${list(step.perStep.map((name) => bytes(inputs.get(name)!)))};`,
      `static const long result_bytes[] = ${list(step.results.map((name) => bytes(results.get(name)!)))};`,
      ...headerPaths().map((path) => `#include "${path}"`),
      this.memory.constants.length === 0 ? 'static const char constant_data[64];' : EMBEDDED_CONSTANTS,
      `static const char zero_row[${widest * 8}] __attribute__((aligned(64)));`,
      ...[...this.functions].map(([body, name]) => `static __attribute__((noinline)) void ${name}${body}`),
      'static void step(const struct step *x, int thread, int threads, struct team *team) {',
      '(void)threads; (void)team; (void)zero_row; (void)constant_data; (void)thread; (void)x;',
      ...this.lines,
      '}',
      '',
    ].join('\n');
    return { text, constants: this.memory.constants, arenaBytes: this.memory.arenaBytes };
  }
}

/** What a unit is, for whoever reads the file. */
const describe = (unit: Unit): string => {
  const operations = unit.nodes.map(({ op, outputs }) =>
    unit.kind === 'rows' ? op : `${op} [${outputs[0]!.shape.join()}]`,
  );
  return `${unit.kind === 'rows' ? `${unit.rows} x ${unit.columns}: ` : ''}${operations.join(' ')}`;
};

/** The assembler takes a file in whole, which the compiler would take seconds to read as numbers. */
const EMBEDDED_CONSTANTS = `#ifdef __APPLE__
__asm__(".const_data\\n.p2align 6\\n_constant_data:\\n.incbin \\"constants.bin\\"\\n.text");
#else
__asm__(".pushsection .rodata\\n.balign 64\\n.local constant_data\\nconstant_data:\\n.incbin \\"constants.bin\\"\\n.popsection");
#endif
extern const char constant_data[] __attribute__((visibility("hidden")));`;

/**
 * The C file that computes a recorded graph.
 * @throws EngineError naming an operation that the engine has not got
 */
export const stepSource = (traced: TraceGraph, step: StepLayout, threads: number): StepSource =>
  new SourceWriter(prepared(traced), step, threads).write();
