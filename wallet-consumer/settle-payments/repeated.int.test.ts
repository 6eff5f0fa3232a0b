import { line, confirmed, confirmedMessage, eventIdOf, useSettlements } from './settlement.fixture';

const { administer, consumer, seller, balance, departuresOf, lettersOf, inboxRow, redriving } =
  useSettlements();

describe('what comes twice', () => {
  it('When the same record comes again, then there is no second credit', async () => {
    const a = await seller();
    const message = confirmedMessage(confirmed([line(a, 500n)]));
    const handle = consumer();
    await handle([message, message]);
    await handle([message]);
    expect(await balance(a)).toBe('500.00');
    expect(await handle.registry.getSingleMetricAsString('wallet_repeated_events_total')).toMatch(/ 2$/);
    expect(await handle.registry.getSingleMetricAsString('wallet_reordered_events_total')).toMatch(/ 0$/);
  });

  it('When the same bytes come under a new event id, then only the inbox learns of it', async () => {
    const a = await seller();
    const value = confirmed([line(a, 500n)]);
    const again = confirmedMessage(value);
    const handle = consumer();
    await handle([confirmedMessage(value)]);
    await handle([again]);
    expect(await balance(a)).toBe('500.00');
    expect(await inboxRow(eventIdOf(again))).toMatchObject({ aggregateId: value.orderId, eventSeq: 1 });
    expect(await lettersOf(value.orderId)).toEqual([]);
    expect(await departuresOf(value.orderId)).toHaveLength(1);
  });

  it('When another content takes the same place in the sequence, then it is parked', async () => {
    const a = await seller();
    const value = confirmed([line(a, 500n)]);
    const other = confirmed([line(a, 900n)], { orderId: value.orderId });
    const handle = consumer();
    await handle([confirmedMessage(value), confirmedMessage(other)]);
    await handle([confirmedMessage(other)]);
    expect(await balance(a)).toBe('500.00');
    const letters = await lettersOf(value.orderId);
    expect(letters.map((letter) => letter.error)).toEqual([
      expect.stringContaining('with other content'),
      expect.stringContaining('with other content'),
    ]);
  });

  it('When another content comes under an event id that was settled, then it is parked, and taken once', async () => {
    const a = await seller();
    const value = confirmed([line(a, 500n)]);
    const first = confirmedMessage(value);
    const forged = {
      ...confirmedMessage(confirmed([line(a, 900n)], { orderId: value.orderId })),
      headers: first.headers,
    };
    const handle = consumer();
    await handle([first, forged]);
    await handle([forged]);
    await handle([first]);
    expect(await balance(a)).toBe('500.00');
    const letters = await lettersOf(value.orderId);
    expect(letters.map(({ error, eventId }) => [error, eventId])).toEqual([
      [`another content has come as event ${eventIdOf(first)} before`, `payment:0:${forged.offset}`],
    ]);
    expect(letters[0]?.headers).toContainEqual(['id', eventIdOf(first)]);
  });

  it('When a corrupted copy comes first under an event id, then the event itself is held, not lost, and settles', async () => {
    const a = await seller();
    const value = confirmed([line(a, 500n)]);
    const real = confirmedMessage(value);
    const corrupted = { ...confirmedMessage(value), value: Buffer.from('junk'), headers: real.headers };
    const handle = consumer();
    await handle([corrupted]);
    await handle([real]);
    const [first, second] = await lettersOf(value.orderId);
    expect(second?.error).toBe(`another content has come as event ${eventIdOf(real)} before`);
    expect(Buffer.from(second?.payload ?? [])).toEqual(real.value);
    await administer("UPDATE dead_letters SET status = 'RESOLVED' WHERE id = ?", [first?.id]);
    await redriving(second?.id);
    await handle([confirmedMessage(value, { redriveOf: second?.id })]);
    expect(await balance(a)).toBe('500.00');
  });

  it('When two consumers get the same batch at once, then it is settled once', async () => {
    const a = await seller();
    const batch = Array.from({ length: 5 }, () => confirmedMessage(confirmed([line(a, 10n)])));
    await Promise.all([consumer()(batch), consumer()(batch), consumer()(batch)]);
    expect(await balance(a)).toBe('50.00');
    for (const message of batch) expect(await lettersOf(message.key?.toString() ?? '')).toEqual([]);
  });

  it('When a share was credited before under another order, then it alone is parked', async () => {
    const a = await seller();
    const first = line(a, 500n);
    const handle = consumer();
    await handle([confirmedMessage(confirmed([first]))]);
    const twice = confirmed([first]);
    const neighbour = confirmed([line(a, 30n)]);
    await handle([confirmedMessage(twice), confirmedMessage(neighbour)]);
    expect(await balance(a)).toBe('530.00');
    const [letter] = await lettersOf(twice.orderId);
    expect(letter?.error).toMatch(/1062.*CREDIT:/);
  });
});
