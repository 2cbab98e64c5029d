/** The part of ml-regression that is used; the package ships no types. */
declare module 'ml-regression' {
  /** y = A x^B, least squares in logs. */
  export class PowerRegression {
    constructor(x: readonly number[], y: readonly number[]);
    readonly A: number;
    readonly B: number;
    predict(x: number): number;
  }
}
