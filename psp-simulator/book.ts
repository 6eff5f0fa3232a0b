import { Calls } from './calls';
import { Idempotency } from './idempotency';
import { Journal, type Place } from './journal';
import { Payments } from './payments';
import { fromLine, toLine, type JournalRecord, type StoredAnswer } from './record';

/** Everything the simulator remembers: in memory to be found, in the journal to last. */
export class Book {
  readonly payments = new Payments();
  readonly calls: Calls;
  readonly idempotency = new Idempotency();
  #journal: Journal | undefined;

  private constructor(callsMax: number) {
    this.calls = new Calls(callsMax);
  }

  /** @throws Error when the journal in `dir` is damaged. */
  static async open(options: { dir: string; callsMax: number }): Promise<Book> {
    const book = new Book(options.callsMax);
    book.#journal = await Journal.open(options.dir, (line, place) => {
      const record = fromLine(line);
      book.#remember(record);
      if (record.answer !== undefined) {
        book.idempotency.finish(record.answer.identity, place, record.answer.firstUsedAtMs);
      }
    });
    return book;
  }

  get healthy(): boolean {
    return this.#journal?.healthy === true;
  }

  /**
   * Takes a change over and resolves when it is on disk; only then may it be answered. Memory changes at
   * once, in
   * the same order as the file, so whoever sees the change and commits afterwards is on disk after it.
   */
  async commit(record: JournalRecord): Promise<void> {
    this.#remember(record);
    const place = await this.#open().append(toLine(record));
    if (record.answer !== undefined) {
      this.idempotency.finish(record.answer.identity, place, record.answer.firstUsedAtMs);
    }
  }

  /** The stored answer at `place`, as `Idempotency.begin` told it. */
  async answerAt(place: Place): Promise<StoredAnswer> {
    const { answer } = fromLine(await this.#open().read(place));
    if (answer === undefined) throw new Error(`no answer stands in the journal at byte ${place.offset}`);
    return answer;
  }

  async close(): Promise<void> {
    await this.#journal?.close();
  }

  #open(): Journal {
    if (this.#journal === undefined) throw new Error('the journal is not open yet');
    return this.#journal;
  }

  #remember(record: JournalRecord): void {
    if (record.payment !== undefined) this.payments.put(record.payment);
    if (record.call !== undefined) this.calls.add(record.call);
  }
}
