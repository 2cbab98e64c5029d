/** Pictures of a model's blocks: an SVG with the blocks in a column and what skips some of them in arcs, or Mermaid text. */
import type { Block, BlockGraph } from '../train/blockGraph.js';

const WIDTH = 340;
const HEIGHT = 54;
const GAP = 26;
const MARGIN = 20;
const ARC_STEP = 18;
/** Arcs of one picture lie in so many lanes at most. */
const LANES = 12;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const count = (value: number): string => value.toLocaleString('en-US');

const operationsText = ({ operations }: Block): string =>
  operations.map(({ name, count: times }) => (times > 1 ? `${name} ×${times}` : name)).join(', ');

function costText({ params, flops }: Block, total: number): string {
  const parts = [
    params > 0 ? `${count(params)} parameters` : '',
    flops > 0 ? `${((100 * flops) / total).toFixed(1)}% of FLOPs` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

const shortened = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;

/** The blocks from top to bottom. */
export function graphSvg({ blocks, edges }: BlockGraph, title: string): string {
  const total = blocks.reduce((sum, { flops }) => sum + flops, 0);
  const top = (block: number): number => MARGIN + 30 + block * (HEIGHT + GAP);
  const arcs = edges.filter(({ from, to }) => to - from > 1);
  const reach =
    MARGIN + ARC_STEP * (Math.min(LANES, Math.max(0, ...arcs.map(({ from, to }) => to - from))) + 1);
  const width = MARGIN + WIDTH + reach;
  const boxes = blocks.map((block, i) => {
    const y = top(i);
    return (
      `<g><title>${escaped(`${block.name}: ${operationsText(block)}`)}</title>` +
      `<rect x="${MARGIN}" y="${y}" width="${WIDTH}" height="${HEIGHT}" rx="5"/>` +
      `<text x="${MARGIN + 10}" y="${y + 16}" class="name">${escaped(block.name)}</text>` +
      `<text x="${MARGIN + 10}" y="${y + 31}">${escaped(shortened(operationsText(block), 54))}</text>` +
      `<text x="${MARGIN + 10}" y="${y + 46}" class="cost">${escaped(costText(block, total))}</text></g>`
    );
  });
  const middle = MARGIN + WIDTH / 2;
  const lines = edges.map(({ from, to }) => {
    if (to - from === 1) return `<path d="M${middle} ${top(from) + HEIGHT}V${top(to) - 1}" class="edge"/>`;
    const right = MARGIN + WIDTH;
    const out = right + ARC_STEP * (Math.min(LANES, to - from) + 0.5);
    const [y0, y1] = [top(from) + HEIGHT - 12, top(to) + 12];
    return `<path d="M${right} ${y0}C${out} ${y0} ${out} ${y1} ${right + 1} ${y1}" class="edge"/>`;
  });
  const style =
    'text{font:11px sans-serif;fill:#444}.name{font-weight:bold;font-size:12px;fill:#111}.cost{fill:#777}' +
    'rect{fill:#f6f7f9;stroke:#9aa3ad}.edge{fill:none;stroke:#5b6b7c;marker-end:url(#tip)}';
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top(blocks.length)}" width="${width}" height="${top(blocks.length)}">\n` +
    `<style>${style}</style>\n` +
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">' +
    '<path d="M0 0L8 4L0 8z" fill="#5b6b7c"/></marker></defs>\n' +
    `<rect width="100%" height="100%" style="fill:#fff;stroke:none"/>\n` +
    `<text x="${MARGIN}" y="${MARGIN + 8}" class="name">${escaped(title)}</text>\n` +
    `${[...boxes, ...lines].join('\n')}\n</svg>\n`
  );
}

/** A Mermaid flowchart, which Markdown viewers draw. */
export function graphMermaid({ blocks, edges }: BlockGraph): string {
  const total = blocks.reduce((sum, { flops }) => sum + flops, 0);
  const nodes = blocks.map((block, i) => {
    const lines = [block.name, operationsText(block), costText(block, total)].filter((line) => line !== '');
    return `  b${i}["${lines.map((line) => line.replaceAll('"', "'")).join('<br/>')}"]`;
  });
  return `flowchart TD\n${[...nodes, ...edges.map(({ from, to }) => `  b${from} --> b${to}`)].join('\n')}\n`;
}
