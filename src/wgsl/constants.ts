/**
 * The value of a WGSL integer expression over known constants: + - * / % and parentheses, with u and i suffixes.
 * Undefined where a name in it is not known or the text is no such expression.
 */
export function evaluateConstant(expression: string, values: ReadonlyMap<string, number>): number | undefined {
  const tokens = expression.match(/\w+|[^\s\w]/g) ?? [];
  let position = 0;

  function primary(): number {
    const token = tokens[position++];
    if (token === '(') {
      const inner = sum();
      return tokens[position++] === ')' ? inner : Number.NaN;
    }
    if (token === undefined) return Number.NaN;
    if (/^\d+[ui]?$/.test(token)) return Number.parseInt(token, 10);
    return values.get(token) ?? Number.NaN;
  }

  function product(): number {
    let left = primary();
    for (
      let operator = tokens[position];
      operator !== undefined && '*/%'.includes(operator);
      operator = tokens[position]
    ) {
      position++;
      const right = primary();
      left = operator === '*' ? left * right : operator === '/' ? Math.trunc(left / right) : left % right;
    }
    return left;
  }

  function sum(): number {
    let left = product();
    for (let operator = tokens[position]; operator === '+' || operator === '-'; operator = tokens[position]) {
      position++;
      const right = product();
      left = operator === '+' ? left + right : left - right;
    }
    return left;
  }

  const value = sum();
  return position === tokens.length && Number.isFinite(value) ? value : undefined;
}
