import {
  newNo,
  line,
  confirmed,
  canceled,
  confirmedMessage,
  canceledMessage,
  eventIdOf,
  useSettlements,
} from './settlement.fixture';

const { administer, consumer, seller, redriving, balance, departuresOf, lettersOf, inboxRow } =
  useSettlements();

describe('redriving', () => {
  it('When the reason is gone, then redriven events settle and resolve their dead letters', async () => {
    const missing = newNo();
    const value = confirmed([line(missing, 1_000n)]);
    const cancel = canceled(value, value.lines);
    const handle = consumer();
    await handle([confirmedMessage(value), canceledMessage(cancel, 2)]);
    const [first, second] = await lettersOf(value.orderId);
    await seller(missing);
    await redriving(first?.id);
    await redriving(second?.id);
    await handle([confirmedMessage(value, { redriveOf: first?.id }), canceledMessage(cancel, 2, second?.id)]);
    expect(await balance(missing)).toBe('0.00');
    expect((await lettersOf(value.orderId)).map((l) => [l.status, l.resolvedBy])).toEqual([
      ['RESOLVED', 'wallet-service'],
      ['RESOLVED', 'wallet-service'],
    ]);
    const settled = (await departuresOf(value.orderId)).filter((row) => row.aggregateType === 'wallet');
    expect(settled.map((row) => [row.eventType, row.aggregateSeq])).toEqual([
      ['wallet.PaymentSettled', 1],
      ['wallet.CancellationSettled', 2],
    ]);
  });

  it('When a redriven event fails again, then its own dead letter opens again', async () => {
    const value = confirmed([line(987_654_321, 5n)]);
    const handle = consumer();
    await handle([confirmedMessage(value)]);
    const [letter] = await lettersOf(value.orderId);
    await redriving(letter?.id);
    const again = confirmedMessage(value, { redriveOf: letter?.id });
    await handle([again]);
    const letters = await lettersOf(value.orderId);
    expect(letters.map(({ id, status }) => [id, status])).toEqual([[letter?.id, 'OPEN']]);
    expect(await inboxRow(eventIdOf(again))).not.toBeNull();
    expect(await departuresOf(value.orderId)).toHaveLength(2);
  });

  it('When a dead letter was closed by hand, then a late copy books nothing', async () => {
    const a = await seller();
    const bad = confirmed([line(a, 1_000n)], { totalAmount: 5n });
    const handle = consumer();
    await handle([confirmedMessage(bad)]);
    const [letter] = await lettersOf(bad.orderId);
    await administer(
      "UPDATE dead_letters SET status = 'RESOLVED', closed_from_seq = 1, closed_to_seq = 1 WHERE id = ?",
      [letter?.id],
    );
    const next = confirmed([line(a, 40n)], { orderId: bad.orderId });
    await handle([
      confirmedMessage(confirmed([line(a, 99n)], { orderId: bad.orderId }), { redriveOf: letter?.id }),
      confirmedMessage(next, { seq: 2 }),
    ]);
    expect(await balance(a)).toBe('40.00');
  });

  it('When a dead letter belongs to another order, then an event cannot resolve it', async () => {
    const a = await seller();
    const bad = confirmed([line(a, 1_000n)], { totalAmount: 5n });
    const handle = consumer();
    await handle([confirmedMessage(bad)]);
    const [letter] = await lettersOf(bad.orderId);
    await handle([confirmedMessage(confirmed([line(a, 3n)]), { redriveOf: letter?.id })]);
    expect((await lettersOf(bad.orderId)).map(({ status }) => status)).toEqual(['OPEN']);
  });
});
