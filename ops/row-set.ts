/** A set of row numbers, one bit each: ten million rows take 1.25 MB. */
export class RowSet {
  readonly #bits: Uint8Array;
  readonly #first: number;
  readonly #count: number;

  /** Of the numbers behind `after`, up to and with `last`. */
  constructor(after: bigint, last: bigint) {
    this.#first = Number(after) + 1;
    this.#count = Math.max(Number(last) - Number(after), 0);
    this.#bits = new Uint8Array(Math.ceil(this.#count / 8));
  }

  /** A number outside of the set's bounds is ignored. */
  add(no: bigint): void {
    const index = Number(no) - this.#first;
    if (index < 0 || index >= this.#count) return;
    const at = index >> 3;
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (index & 7));
  }

  #has(index: number): boolean {
    return ((this.#bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }

  /** Ranges of numbers that were not added, from and to included, in their order. */
  *missing(): Generator<readonly [from: number, to: number]> {
    let from: number | undefined;
    for (let index = 0; index < this.#count; index += 1) {
      const isAbsent = !this.#has(index);
      if (isAbsent) from ??= index;
      else if (from !== undefined) {
        yield [this.#first + from, this.#first + index - 1];
        from = undefined;
      }
    }
    if (from !== undefined) yield [this.#first + from, this.#first + this.#count - 1];
  }
}
