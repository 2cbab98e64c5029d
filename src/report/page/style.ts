/** The page's style sheet: light and dark by the reader's setting, narrow screens, print. */
import { DARK_OF, INK, PAGE_FONT } from '../theme.js';

/** Custom properties for the colours of the theme; series colours are `--c-` and their light hex digits. */
function variables(dark: boolean): string {
  const pick = (light: string): string => (dark ? DARK_OF[light]! : light);
  const ink = Object.entries(INK).map(([name, light]) => `--${name}: ${pick(light)};`);
  const series = Object.keys(DARK_OF).map((light) => `--c-${light.slice(1)}: ${pick(light)};`);
  const soft = dark ? '--soft: #1c2027; --accent: #7db4ff;' : '--soft: #f5f6f8; --accent: #0b57c2;';
  return `${[...ink, ...series].join(' ')} ${soft}`;
}

export const STYLE = `
:root { color-scheme: light dark; ${variables(false)} }
@media (prefers-color-scheme: dark) { :root { ${variables(true)} } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--paper); color: var(--text); font: 16px/1.55 ${PAGE_FONT}; }
main, header, footer { max-width: 1000px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 44px; }
h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.012em; margin: 0 0 10px; font-weight: 650; text-wrap: balance; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 64px 0 8px; padding-top: 14px; border-top: 1px solid var(--grid); font-weight: 650; }
h3 { font-size: 1.02rem; line-height: 1.35; margin: 0 0 4px; font-weight: 600; }
h3.apart { margin-top: 40px; }
p { margin: 0 0 12px; max-width: 72ch; }
.summary { color: var(--muted); max-width: 76ch; }
nav { margin: 18px 0 0; font-size: 0.9rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 20px; padding: 0; margin: 0; }
a { color: var(--accent); text-underline-offset: 2px; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
#answer { margin-top: 30px; }
.answers { list-style: none; padding: 0; margin: 0 0 18px; border-top: 1px solid var(--grid); }
.answers li { display: grid; grid-template-columns: 6.6rem 1fr; align-items: baseline; gap: 0 18px; padding: 11px 0 10px; border-bottom: 1px solid var(--grid); }
.answers .big { font-size: 1.6rem; line-height: 1.2; font-weight: 650; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; white-space: nowrap; }
.answers.wide li { grid-template-columns: 9rem 1fr; }
.answers.wide .big { font-size: 1.3rem; }
.answers .undecided .big { color: var(--muted); font-weight: 400; }
.answers .control .big { color: var(--muted); font-weight: 400; font-size: 1rem; letter-spacing: 0; line-height: 1.55; }
p.muted { color: var(--muted); font-size: 0.9rem; }
.answers strong { font-weight: 650; }
.answers .text { max-width: 74ch; }
.answers .further { color: var(--muted); }
section ul:not(.answers) { padding-left: 20px; max-width: 76ch; }
section ul:not(.answers) li { margin: 0 0 7px; }
figure { margin: 30px 0 0; padding: 0; }
figcaption { margin-bottom: 10px; }
figcaption p { color: var(--muted); font-size: 0.9rem; line-height: 1.5; margin: 0; max-width: 84ch; }
.chart { width: 100%; min-height: 80px; overflow-x: auto; }
.chart svg, .chart canvas { display: block; max-width: none; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 6px; margin: 0 0 6px -6px; }
.legend button { display: inline-flex; align-items: center; gap: 7px; font-size: 0.85rem; padding: 3px 9px 3px 6px; }
.legend button[aria-pressed='false'] { color: var(--muted); text-decoration: line-through; }
.legend button[aria-pressed='false'] svg { opacity: 0.25; }
.legend svg { display: block; overflow: visible; }
button { font: inherit; color: inherit; background: none; border: 1px solid transparent; border-radius: 6px; cursor: pointer; }
button:hover { background: var(--soft); border-color: var(--grid); }
.tools { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: center; margin-top: 4px; font-size: 0.8rem; color: var(--muted); }
.tools div { display: flex; align-items: center; gap: 2px; }
.tools span { margin-right: 4px; }
.tools button { padding: 2px 7px; font-size: 0.8rem; }
.tools button[aria-pressed='true'] { color: var(--text); background: var(--soft); border-color: var(--grid); }
details { margin: 8px 0 0; }
details + p { margin-top: 18px; }
nav.contents { margin: 0 0 10px; columns: 2; column-gap: 32px; }
section nav.contents ul { display: block; padding: 0; max-width: none; }
nav.contents li { margin: 0 0 3px; }
summary { cursor: pointer; color: var(--muted); font-size: 0.85rem; width: fit-content; max-width: 100%; overflow-wrap: anywhere; }
summary:hover { color: var(--text); }
/* Up to the right edge of the window, where the column of text ends before. */
.scroll { overflow: auto; max-height: 70vh; margin: 10px 0 0; width: fit-content; max-width: calc(50vw + 50% - 24px); }
.tablebox { margin: 26px 0 14px; }
table { border-collapse: collapse; font-size: 0.85rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); padding: 0 0 6px; font-size: 0.85rem; caption-side: top; }
th, td { text-align: left; padding: 5px 16px 5px 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
th { font-weight: 600; color: var(--muted); border-bottom-color: var(--rule); position: sticky; top: 0; background: var(--paper); vertical-align: bottom; }
td { white-space: nowrap; }
td.w { white-space: normal; min-width: 26ch; }
th.n, td.n { text-align: right; }
dl { display: grid; grid-template-columns: minmax(7rem, auto) 1fr; gap: 6px 22px; margin: 18px 0; font-size: 0.92rem; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: 0.88em; }
pre { background: var(--soft); border-radius: 6px; padding: 14px 16px; overflow: auto; max-height: 60vh; line-height: 1.45; }
footer { margin-top: 72px; padding-bottom: 56px; color: var(--muted); font-size: 0.85rem; }
.skip, .unseen { position: absolute; left: -9999px; }
.skip:focus { left: 12px; top: 8px; background: var(--paper); padding: 6px 10px; }
#vg-tooltip-element.vg-tooltip { font-family: inherit; font-size: 12.5px; padding: 7px 10px; border-radius: 6px; max-width: 340px; }
#vg-tooltip-element table tr td { border: 0; padding: 1px 0; white-space: normal; font-variant-numeric: tabular-nums; }
#vg-tooltip-element table tr td.key { padding-right: 10px; max-width: none; }
@media (max-width: 600px) {
  main, header, footer { padding: 0 16px; }
  header { padding-top: 26px; }
  h1 { font-size: 1.4rem; }
  h2 { margin-top: 48px; }
  dl { grid-template-columns: 1fr; gap: 1px; }
  dd { margin-bottom: 10px; }
  nav.contents { columns: 1; }
  .answers li, .answers.wide li { grid-template-columns: 1fr; }
}
@media print {
  :root { ${variables(false)} }
  body { font-size: 10.5pt; }
  nav, .tools, .skip, details:not([open]) { display: none; }
  main, header, footer { max-width: none; padding: 0; }
  h2, h3, figcaption { break-after: avoid; }
  figure, tr, .answers li { break-inside: avoid; }
  .scroll, pre, .chart { max-height: none; max-width: none; overflow: visible; }
  .chart svg { max-width: 100%; height: auto; }
  .legend button[aria-pressed='false'] { display: none; }
  .dark-charts .chart { filter: invert(1) hue-rotate(180deg); }
}
`;
