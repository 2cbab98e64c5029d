/** An einsum equation taken apart, as TensorFlow.js takes them: one or two operands, an arrow, no dots. */

export interface EinsumEquation {
  /** The letters of each operand. */
  readonly operands: readonly (readonly string[])[];
  readonly output: readonly string[];
}

/** @throws Error where the equation has no arrow, dots, more than two operands, or a letter twice in one of them */
export function parseEinsum(equation: string): EinsumEquation {
  const [left = '', output, ...more] = equation.replace(/\s/g, '').split('->');
  const operands = left.split(',');
  const terms = [...operands, output ?? ''];
  if (output === undefined || more.length > 0 || !terms.every((term) => /^[A-Za-z]*$/.test(term))) {
    throw new Error(
      `einsum "${equation}" cannot be traced: write it with letters and one arrow, as in "ij,jk->ik"`,
    );
  }
  if (operands.length > 2) {
    throw new Error(
      `einsum "${equation}" of ${operands.length} operands cannot be traced (nor does TensorFlow.js compute it): write it as ` +
        'several of two, whose order decides their FLOPs',
    );
  }
  if (terms.some((term) => new Set(term).size < term.length)) {
    throw new Error(`einsum "${equation}" cannot be traced: a letter stands twice in one operand`);
  }
  return { operands: operands.map((term) => Array.from(term)), output: Array.from(output) };
}
