const style = [
  ':root{color-scheme:light dark}',
  'body{font:15px/1.45 system-ui,sans-serif;color:light-dark(#1f2937,#e5e7eb);background:light-dark(#fff,#111827);',
  'max-width:1000px;margin:2rem auto;padding:0 1rem}',
  'table{border-collapse:collapse;font-size:13px}',
  'th,td{text-align:left;padding:2px 14px 2px 0;vertical-align:top}',
  'th{border-bottom:1px solid #9ca3af}',
  // Charts are drawn in dark ink.
  'svg{max-width:100%;height:auto;background:#fff;border-radius:6px}',
  'details{margin:0 0 2rem}',
].join('');

/** A page in one piece, in the reader's light or dark scheme. */
export function htmlPage(title: string, body: readonly string[]): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(title)}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    ...body,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

/** A table; its header may be empty. */
export function htmlTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: 'th' | 'td'): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>${header.length > 0 ? line(header, 'th') : ''}${rows.map((row) => line(row, 'td')).join('')}</table>`;
}

/** A text as HTML shows it. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
