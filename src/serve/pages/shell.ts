/** What all pages share: head, navigation, and the data that a page's script reads. */
import { jsonForScript, markup, type Markup } from '../../report/html.js';
import { CHART_LIBRARIES } from '../../report/page/libraries.js';

export type Section = 'overview' | 'runs' | 'query';

export interface PageParts {
  readonly title: string;
  readonly section: Section | null;
  readonly body: Markup | readonly Markup[];
  /** The page's module in `client/`, without its ending; none where the page needs no script. */
  readonly script?: string;
  /** Whether the page draws charts. */
  readonly charts?: boolean;
  /** What the script reads. */
  readonly data?: unknown;
}

const NAVIGATION: readonly (readonly [Section, string, string])[] = [
  ['overview', '/', 'Overview'],
  ['runs', '/runs', 'Runs'],
  ['query', '/query', 'Query'],
];

/** A whole page. */
export function page({ title, section, body, script, charts = false, data }: PageParts): Markup {
  const links = NAVIGATION.map(([name, href, label]) => {
    const current = name === section ? markup` aria-current="page"` : null;
    return markup`<li><a href="${href}"${current}>${label}</a></li>`;
  });
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – isoloss</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="/icon.svg" type="image/svg+xml">
</head>
<body>
<a class="skip" href="#main">To the content</a>
<header class="bar"><a class="brand" href="/">isoloss</a><nav aria-label="Pages"><ul>${links}</ul></nav></header>
<main id="main">
${body}
</main>
${data === undefined ? null : markup`<script type="application/json" id="page-data">${jsonForScript(data)}</script>\n`}${charts ? CHART_LIBRARIES.map((name) => markup`<script src="/vendor/${name}.js" defer></script>\n`) : null}${script === undefined ? null : markup`<script type="module" src="/client/${script}.js"></script>\n`}</body>
</html>
`;
}

/** An error as a page. */
export function errorPage(status: number, message: string): Markup {
  const title = status === 404 ? 'Not found' : status >= 500 ? 'Something went wrong' : 'Not possible';
  return page({
    title,
    section: null,
    body: markup`<h1>${title}</h1><p class="error" role="alert">${message}</p><p><a href="/">To the overview</a></p>`,
  });
}

/** A path within the site, its parts escaped. */
export function path(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}
