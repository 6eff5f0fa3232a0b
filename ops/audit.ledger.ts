import { UndecodableError, type Decode } from '#contracts/codec';
import type { Reader } from '#prisma/database';
import * as store from './ledger.store';
import type { ChainPlace, StoredEvent, WitnessedLine } from './ledger.store';
import { RowSet } from './row-set';

// The ledger proves itself three times over. Each line's hash covers its predecessor's. The wallets' events told number
// and hash of every line when it was written. And a checkpoint remembers up to where an earlier audit has found all of
// that sound, so that the next one reads only what has come since, and a chain that was computed anew is noticed even
// when the events have left the outbox.

const RANGES_PER_QUERY = 200;
const LINES_PER_PAGE = 2_000;
const EVENTS_PER_PAGE = 1_000;
const PLACES_PER_QUERY = 5_000;
/** An event may have been written this long before its transaction was committed, and be missed by the audit between. */
const OVERLAP_MS = 60 * 60 * 1_000;

export interface LedgerFinding {
  check: string;
  guarantees: string;
  rows: Record<string, unknown>[];
}

export interface LedgerReport {
  findings: LedgerFinding[];
  /** Was the whole ledger verified, or what has come since the last audit? */
  isFull: boolean;
  verifiedLines: number;
  /** Lines whose events have left the outbox: purged on purpose, or seen by an earlier audit. */
  unwitnessedLines: number;
  /** What the next audit may build on; to be saved when the ledger is sound. */
  checkpoints: ChainPlace[];
  readAt: Date;
}

export const LEDGER_CHECKS = {
  balance: ['balance-is-ledger', 'every wallet’s balance is the one behind its last ledger line'],
  chain: ['chain-is-unbroken', 'every ledger line follows from its predecessor: number, balance and hash'],
  head: ['head-is-last-line', 'every wallet’s head carries number and hash of its last ledger line'],
  checkpoint: ['checkpoint-stands', 'every line up to which an earlier audit has verified is still the same'],
  witness: [
    'ledger-is-witnessed',
    'every ledger line is the one that a wallet event has told, and no told line is gone',
  ],
} as const;

interface Scope {
  isFull: boolean;
  /** Where each wallet's verification begins; wallets without news are absent. */
  places: ChainPlace[];
  /** Number of each wallet's last line, by wallet. */
  heads: ReadonlyMap<bigint, bigint>;
  checkpoints: ChainPlace[];
  /** Up to which line an audit has seen each wallet's events, by wallet: the checkpoint stands for those that are gone. */
  verified: ReadonlyMap<bigint, bigint>;
  lines: bigint;
  /** Events of the outbox behind this row are compared with the ledger. */
  afterEventNo: bigint;
  readAt: Date;
}

async function scopeOf(db: Reader, wantsFull: boolean, alwaysFullLines: number): Promise<Scope> {
  const { now, verifiedAt } = await store.auditMoments(db);
  const wallets = await store.walletsProgress(db);
  const total = wallets.reduce((sum, { head }) => sum + head.seq, 0n);
  const isFull = wantsFull || verifiedAt === null || total <= BigInt(alwaysFullLines);
  const beginning = (walletNo: bigint): ChainPlace => ({
    walletNo,
    seq: 0n,
    hash: '',
    balance: '0.00',
  });
  const starts = wallets.map(({ head, checkpoint }) => ({
    head,
    from: isFull || checkpoint === null ? beginning(head.walletNo) : checkpoint,
  }));
  const news = starts.filter(({ head, from }) => isFull || head.seq !== from.seq);
  const since = verifiedAt === null ? null : new Date(verifiedAt.getTime() - OVERLAP_MS);
  return {
    isFull,
    places: news.map(({ from }) => from),
    heads: new Map(news.map(({ head }) => [head.walletNo, head.seq])),
    checkpoints: news.map(({ head }) => head).filter(({ seq }) => seq > 0n),
    verified: new Map(
      wallets.flatMap(({ head, checkpoint }) =>
        checkpoint === null ? [] : [[head.walletNo, checkpoint.seq]],
      ),
    ),
    lines: news.reduce((sum, { head, from }) => sum + (head.seq > from.seq ? head.seq - from.seq : 0n), 0n),
    afterEventNo: isFull || since === null ? 0n : await store.outboxNoBefore(db, since),
    readAt: now,
  };
}

async function brokenBehind(
  db: Reader,
  places: readonly ChainPlace[],
  rowsMax: number,
): Promise<Record<string, unknown>[]> {
  const broken: Record<string, unknown>[] = [];
  for (const place of places) {
    if (broken.length >= rowsMax) break;
    broken.push(...(await store.brokenLines(db, place, rowsMax - broken.length)));
  }
  return broken;
}

/**
 * Verifies the ledger, within the caller's snapshot.
 *
 * @param options.isFull from the first line on, whatever was verified before
 * @param options.purgedBefore the events of lines that were written before this moment may have been purged
 * @param options.alwaysFullLines a ledger of up to this many lines is verified so in any case
 */
export async function auditLedger(
  db: Reader,
  decode: Decode,
  {
    isFull,
    alwaysFullLines,
    rowsMax,
    purgedBefore,
  }: { isFull: boolean; alwaysFullLines: number; rowsMax: number; purgedBefore: Date | undefined },
): Promise<LedgerReport> {
  const scope = await scopeOf(db, isFull, alwaysFullLines);
  const chain = scope.isFull
    ? await store.allBrokenLines(db, rowsMax)
    : await brokenBehind(db, scope.places, rowsMax);
  const witness = new Witness(db, decode, { rowsMax, purgedBefore }, scope);
  await witness.requireLines(scope.afterEventNo);
  for (const { walletNo } of scope.places) await witness.requireEvents(walletNo);
  const rows: Record<keyof typeof LEDGER_CHECKS, Record<string, unknown>[]> = {
    balance: await store.wrongBalances(db, rowsMax),
    chain,
    head: await store.wrongHeads(db, rowsMax),
    checkpoint: await store.brokenCheckpoints(db, rowsMax),
    witness: witness.rows,
  };
  return {
    findings: Object.entries(LEDGER_CHECKS).map(([key, [check, guarantees]]) => ({
      check,
      guarantees,
      rows: rows[key as keyof typeof LEDGER_CHECKS],
    })),
    isFull: scope.isFull,
    verifiedLines: Number(scope.lines),
    unwitnessedLines: witness.unwitnessedLines,
    checkpoints: scope.checkpoints,
    readAt: scope.readAt,
  };
}

/** What one event has told of a line. */
interface Told {
  walletNo: number;
  walletSeq: number;
  lineHash: string;
}

const keyOf = (walletNo: bigint | number, seq: bigint | number): string => `${walletNo}#${seq}`;

/** Compares ledger lines with the wallet events that told of them, in both directions. */
class Witness {
  readonly rows: Record<string, unknown>[] = [];
  unwitnessedLines = 0;
  readonly #db: Reader;
  readonly #decode: Decode;
  readonly #rowsMax: number;
  readonly #purgedBefore: Date | undefined;
  readonly #verified: ReadonlyMap<bigint, bigint>;

  /** Lines that an event has told of, by wallet: one bit each. */
  readonly #told: ReadonlyMap<number, RowSet>;

  constructor(
    db: Reader,
    decode: Decode,
    { rowsMax, purgedBefore }: { rowsMax: number; purgedBefore: Date | undefined },
    { places, heads, verified }: Scope,
  ) {
    this.#purgedBefore = purgedBefore;
    this.#verified = verified;
    this.#told = new Map(
      places.map(({ walletNo, seq }) => [Number(walletNo), new RowSet(seq, heads.get(walletNo) ?? seq)]),
    );
    this.#db = db;
    this.#decode = decode;
    this.#rowsMax = rowsMax;
  }

  #report(row: Record<string, unknown>): void {
    // A line can be found from both directions; it is reported once.
    const isKnown = this.rows.some((one) =>
      Object.entries(row).every(([name, value]) => one[name] === value),
    );
    if (!isKnown && this.rows.length < this.#rowsMax) this.rows.push(row);
  }

  async #toldBy(event: StoredEvent): Promise<Told[]> {
    const unreadable = (problem: string): Told[] => {
      this.#report({ order_id: event.orderId, event_id: event.id, problem });
      return [];
    };
    try {
      const { record, value } = await this.#decode(Buffer.from(event.payload));
      const isOurs = record === 'wallet.PaymentSettled' || record === 'wallet.CancellationSettled';
      if (!isOurs) return unreadable(`the event is a ${record}`);
      return value.orderId === event.orderId
        ? value.entries
        : unreadable(`the event is of order ${value.orderId}`);
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      return unreadable(`the event cannot be read: ${error.message}`);
    }
  }

  /** Every line of a wallet was told of: asked where `requireLines` has left some. */
  async requireEvents(walletNo: bigint): Promise<void> {
    const missing = this.#told.get(Number(walletNo))?.missing() ?? [];
    let ranges: store.LineRange[] = [];
    const ask = async (): Promise<void> => {
      if (ranges.length > 0) await this.#requireEventsOf(ranges);
      ranges = [];
    };
    for (const [from, to] of missing) {
      ranges.push({ walletNo, from, to });
      if (ranges.length === RANGES_PER_QUERY) await ask();
    }
    await ask();
  }

  async #requireEventsOf(ranges: readonly store.LineRange[]): Promise<void> {
    const [first] = ranges;
    if (first === undefined) return;
    const excuse = {
      verifiedSeq: this.#verified.get(first.walletNo) ?? 0n,
      purgedBefore: this.#purgedBefore,
    };
    const { present, purged } = await store.countLines(this.#db, ranges, excuse);
    this.unwitnessedLines += purged;
    // The others are looked at one by one, with what the outbox still has of their orders.
    if (present === purged) return;
    for (let afterSeq = 0n; ;) {
      const lines = await store.unpurgedLines(this.#db, ranges, excuse, {
        afterSeq,
        countMax: LINES_PER_PAGE,
      });
      await this.#compare(lines);
      const last = lines.at(-1);
      if (last === undefined || lines.length < LINES_PER_PAGE) return;
      afterSeq = last.seq;
    }
  }

  async #compare(lines: readonly WitnessedLine[]): Promise<void> {
    const orderIds = [...new Set(lines.map(({ orderId }) => orderId))];
    if (orderIds.length === 0) return;
    const told = new Map<string, string>();
    const events = await store.walletEventsOf(this.#db, orderIds);
    const counts = new Map<string, number>();
    for (const event of events) {
      counts.set(event.orderId, (counts.get(event.orderId) ?? 0) + 1);
      for (const { walletNo, walletSeq, lineHash } of await this.#toldBy(event))
        told.set(keyOf(walletNo, walletSeq), lineHash);
    }
    const published = await store.publishedCounts(this.#db, orderIds);
    for (const { walletNo, seq, orderId, hash, createdAt } of lines) {
      const toldHash = told.get(keyOf(walletNo, seq));
      const row = { wallet_no: walletNo, wallet_seq: seq, order_id: orderId };
      if (toldHash !== undefined) {
        if (toldHash !== hash) this.#report({ ...row, problem: 'its event told another hash' });
      } else if (
        (published.get(orderId) ?? 0) > (counts.get(orderId) ?? 0) &&
        (seq <= (this.#verified.get(walletNo) ?? 0n) || this.#mayBePurged(createdAt))
      )
        this.unwitnessedLines += 1;
      else this.#report({ ...row, problem: 'no event told of it' });
    }
  }

  #mayBePurged(writtenAt: Date): boolean {
    return this.#purgedBefore !== undefined && writtenAt < this.#purgedBefore;
  }

  /** Every line that was told of is there. */
  async requireLines(afterNo: bigint): Promise<void> {
    for (let from = afterNo; ;) {
      const events = await store.walletEventsAfter(this.#db, from, EVENTS_PER_PAGE);
      await this.#requireLinesOf(events);
      const last = events.at(-1);
      if (last === undefined || events.length < EVENTS_PER_PAGE) return;
      from = last.no;
    }
  }

  async #requireLinesOf(events: readonly StoredEvent[]): Promise<void> {
    const told: (Told & { orderId: string })[] = [];
    for (const event of events) {
      for (const entry of await this.#toldBy(event)) told.push({ ...entry, orderId: event.orderId });
    }
    for (const entries of chunks(told, PLACES_PER_QUERY)) {
      const differing = await store.differingLines(this.#db, entries);
      for (const [place, { walletNo, walletSeq, orderId }] of entries.entries()) {
        const hash = differing.get(place);
        const row = { wallet_no: BigInt(walletNo), wallet_seq: BigInt(walletSeq), order_id: orderId };
        if (hash === undefined) this.#told.get(walletNo)?.add(BigInt(walletSeq));
        else if (hash === null) this.#report({ ...row, problem: 'it was told of, and is gone' });
        else this.#report({ ...row, problem: 'its event told another hash' });
      }
    }
  }
}

function* chunks<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}
