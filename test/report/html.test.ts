import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inlineScript, jsonForScript, markup, raw } from '../../src/report/html.js';

describe('markup', () => {
  it('escapes what is interpolated, joins arrays and leaves markup alone', () => {
    const items = ['a<b', `"c" & 'd'`].map((item) => markup`<li>${item}</li>`);
    const list = markup`<ul title="${'x"y'}">${items}${null}${3}</ul>`;
    expect(list.html).toBe(
      '<ul title="x&quot;y"><li>a&lt;b</li><li>&quot;c&quot; &amp; &#39;d&#39;</li>3</ul>',
    );
    expect(markup`${raw('<b>bold</b>')}`.html).toBe('<b>bold</b>');
  });

  it('lets no text open a tag or leave an attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const inner = markup`${text}`.html;
        expect(inner).not.toMatch(/[<>"']/);
        const decoded = inner
          .replaceAll('&lt;', '<')
          .replaceAll('&gt;', '>')
          .replaceAll('&quot;', '"')
          .replaceAll('&#39;', "'")
          .replaceAll('&amp;', '&');
        expect(decoded).toBe(text);
      }),
    );
  });
});

describe('jsonForScript', () => {
  it('keeps the value and can not end its element', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const { html } = jsonForScript(value);
        expect(html).not.toContain('<');
        expect(JSON.parse(html)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(jsonForScript('</script>\u2028').html).toBe(String.raw`"\u003c/script>\u2028"`);
  });
});

describe('inlineScript', () => {
  it('writes what would end or hide the script with an escape that means the same', () => {
    expect(inlineScript(`const a = '</script><!-- x';`).html).toBe(
      String.raw`const a = '\x3c/script>\x3c!-- x';`,
    );
  });
});
