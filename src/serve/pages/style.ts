/** The pages' style sheet: the reports' colours, light and dark by the reader's setting, narrow screens. */
import { DARK_OF, INK, PAGE_FONT } from '../../report/theme.js';

const LIGHT_STATUS =
  '--done: #0b6e4f; --running: #0b57c2; --bad: #b3261e; --soft: #f5f6f8; --accent: #0b57c2; --mark: #fff3c4;';
const DARK_STATUS =
  '--done: #6fd3ab; --running: #7db4ff; --bad: #ff8a80; --soft: #1c2027; --accent: #7db4ff; --mark: #40371a;';

function variables(dark: boolean): string {
  const ink = Object.entries(INK).map(([name, light]) => `--${name}: ${dark ? DARK_OF[light]! : light};`);
  return `${ink.join(' ')} ${dark ? DARK_STATUS : LIGHT_STATUS}`;
}

export const STYLE = `
:root { color-scheme: light dark; ${variables(false)} }
@media (prefers-color-scheme: dark) { :root { ${variables(true)} } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--text); font: 15px/1.5 ${PAGE_FONT}; }
main, .bar { max-width: 1400px; margin: 0 auto; padding: 0 24px; }
main { padding-bottom: 64px; }
.bar { display: flex; align-items: baseline; gap: 8px 28px; flex-wrap: wrap; padding-top: 18px; padding-bottom: 12px; border-bottom: 1px solid var(--grid); }
.brand { font-weight: 650; font-size: 1.1rem; letter-spacing: -0.01em; color: var(--text); text-decoration: none; }
.bar ul, .pager ul { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 0; padding: 0; }
.bar a[aria-current] { color: var(--text); font-weight: 600; }
a { color: var(--accent); text-underline-offset: 2px; text-decoration: none; }
a:hover { text-decoration: underline; }
h1 { font-size: 1.45rem; line-height: 1.25; letter-spacing: -0.012em; margin: 28px 0 8px; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; line-height: 1.3; margin: 36px 0 10px; font-weight: 650; }
h1 .light { font-weight: 400; color: var(--muted); }
p { margin: 0 0 12px; max-width: 80ch; }
.lead { color: var(--muted); overflow-wrap: anywhere; }
.small, figcaption { font-size: 0.85rem; color: var(--muted); }
.count { margin: 18px 0 8px; color: var(--muted); }
.notice, .error { padding: 9px 12px; border-radius: 6px; background: var(--soft); overflow-wrap: anywhere; white-space: pre-wrap; }
.error { color: var(--bad); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.skip, .hidden { position: absolute; left: -9999px; }
.skip:focus { left: 12px; top: 8px; background: var(--paper); padding: 6px 10px; z-index: 2; }
code, pre, .key, kbd { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: 0.88em; }
kbd { border: 1px solid var(--grid); border-radius: 4px; padding: 0 4px; }
.scroll { overflow: auto; }
.scroll.tall { max-height: 70vh; }
table { border-collapse: collapse; font-size: 0.87rem; line-height: 1.4; font-variant-numeric: tabular-nums; min-width: 40%; }
th, td { text-align: left; padding: 5px 16px 5px 0; border-bottom: 1px solid var(--grid); vertical-align: baseline; white-space: nowrap; }
td.wrap { white-space: normal; min-width: 24ch; max-width: 60ch; overflow-wrap: anywhere; }
thead th { color: var(--muted); font-weight: 600; border-bottom-color: var(--rule); position: sticky; top: 0; background: var(--paper); }
thead th a { color: inherit; }
tbody th { font-weight: 400; color: var(--muted); }
th.n, td.n { text-align: right; }
tbody tr:hover { background: var(--soft); }
.differs td { font-weight: 650; }
dl { display: grid; grid-template-columns: minmax(9rem, auto) 1fr; gap: 5px 22px; margin: 0 0 18px; font-size: 0.92rem; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.status::before { content: ''; display: inline-block; width: 8px; height: 8px; margin-right: 6px; border-radius: 50%; border: 1.5px solid currentColor; }
.status { white-space: nowrap; color: var(--muted); }
.status.done { color: var(--done); }
.status.done::before { background: currentColor; }
.status.running { color: var(--running); }
.status.running::before { border-top-color: transparent; }
.status.failed, .status.diverged { color: var(--bad); }
.status.failed::before, .status.diverged::before { border-radius: 0; transform: rotate(45deg); }
progress { width: 120px; height: 8px; accent-color: var(--accent); vertical-align: middle; }
button, .button, select, input, textarea { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--rule); border-radius: 6px; padding: 4px 10px; }
button, .button, select, input:not([type='checkbox']) { height: 32px; line-height: 22px; }
button.link { height: auto; line-height: inherit; }
button, .button { cursor: pointer; background: var(--soft); display: inline-block; }
button:hover, .button:hover { border-color: var(--accent); text-decoration: none; }
button:disabled { opacity: 0.5; cursor: default; }
button.link { border: 0; background: none; padding: 0; color: var(--accent); text-align: left; }
button.link:hover { text-decoration: underline; }
input[type='checkbox'] { accent-color: var(--accent); }
.actions { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; max-width: none; }
table.groups { margin-bottom: 22px; }
.filters > a { line-height: 32px; }
.filters { display: flex; flex-wrap: wrap; align-items: end; gap: 10px 14px; margin: 14px 0; }
.filters label, .tools label { display: flex; flex-direction: column; gap: 2px; font-size: 0.82rem; color: var(--muted); }
.filters label.inline, .tools label, label.inline { flex-direction: row; align-items: center; gap: 6px; }
.filters select, .filters input { max-width: 13rem; color: var(--text); font-size: 0.95rem; }
.filters .wide input { max-width: none; }
.tools { display: flex; flex-wrap: wrap; gap: 8px 18px; margin-bottom: 10px; }
.pager { margin-top: 18px; }
.pager a[aria-current] { color: var(--text); font-weight: 650; }
figure { margin: 22px 0 0; }
figcaption { margin-bottom: 8px; }
.chart { width: 100%; overflow-x: auto; }
.chart svg, .chart canvas { display: block; max-width: none; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 16px; padding: 0; margin: 0 0 8px; font-size: 0.85rem; }
blockquote { margin: 12px 0; padding: 2px 0 2px 14px; border-left: 3px solid var(--grid); max-width: 80ch; white-space: pre-wrap; overflow-wrap: anywhere; }
.light { color: var(--muted); }
.filters input[type='number'] { width: 6.5rem; }
.filters .wide { flex: 1 1 16rem; max-width: 28rem; }
.files, .problems { padding-left: 20px; }
.query { display: grid; grid-template-columns: minmax(0, 1fr) 300px; gap: 0 36px; }
.query aside { font-size: 0.87rem; }
.query textarea { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: 0.88rem; width: 100%; resize: vertical; padding: 10px 12px; line-height: 1.45; tab-size: 2; }
.query label[for='sql'] { font-size: 0.82rem; color: var(--muted); }
details { margin: 0 0 8px; }
summary { cursor: pointer; }
aside > details > summary { font-weight: 600; padding: 4px 0; }
details.relation { margin: 0 0 2px 12px; }
.named { padding-left: 16px; margin: 4px 0; }
.named li { margin-bottom: 5px; }
.columns { list-style: none; display: flex; flex-wrap: wrap; gap: 0 12px; margin: 0 0 8px; padding: 0; }
.columns .link { font-size: 0.95em; }
#vg-tooltip-element { position: fixed; visibility: hidden; pointer-events: none; z-index: 3; padding: 6px 10px; border-radius: 6px; border: 1px solid var(--grid); background: var(--paper); color: var(--text); font-size: 12.5px; box-shadow: 0 1px 6px rgb(0 0 0 / 0.15); }
#vg-tooltip-element.visible { visibility: visible; }
#vg-tooltip-element td { border: 0; padding: 1px 0; }
#vg-tooltip-element td.key { font: inherit; color: var(--muted); padding-right: 10px; text-align: right; }
@media (max-width: 900px) { .query { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 600px) {
  main, .bar { padding-left: 16px; padding-right: 16px; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 9px; }
  .filters label { flex: 1 1 40%; }
  .filters select, .filters input[type='search'] { max-width: none; width: 100%; }
}
@media (prefers-reduced-motion: no-preference) { .status.running::before { animation: turn 1.6s linear infinite; } }
@keyframes turn { to { transform: rotate(360deg); } }
`;

/** Two falling curves: what the product is about. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1855ca"/><path d="M2.5 3C4 9 8 11 13.5 11.5M2.5 6C4 11 8 13 13.5 13.3" fill="none" stroke="#fff" stroke-width="1.4" stroke-linecap="round"/></svg>`;
