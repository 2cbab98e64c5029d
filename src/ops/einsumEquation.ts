/** An einsum equation taken apart, as TensorFlow.js takes them: one or two operands, an arrow, no dots. */

export interface EinsumEquation {
  /** The letters of each operand. */
  readonly operands: readonly (readonly string[])[];
  readonly output: readonly string[];
}

/** @throws Error where the equation has no arrow, dots, or a letter twice in one operand */
export function parseEinsum(equation: string): EinsumEquation {
  const [left = '', output, ...more] = equation.replace(/\s/g, '').split('->');
  const operands = left.split(',');
  const terms = [...operands, output ?? ''];
  if (output === undefined || more.length > 0 || !terms.every((term) => /^[A-Za-z]*$/.test(term))) {
    throw new Error(
      `einsum "${equation}" cannot be traced: write it with letters and one arrow, as in "ij,jk->ik"`,
    );
  }
  if (terms.some((term) => new Set(term).size < term.length)) {
    throw new Error(`einsum "${equation}" cannot be traced: a letter stands twice in one operand`);
  }
  return { operands: operands.map((term) => Array.from(term)), output: Array.from(output) };
}
