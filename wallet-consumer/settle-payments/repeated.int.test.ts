import { line, confirmed, confirmedMessage, eventIdOf, useSettlements } from './settlement.fixture';

const { consumer, seller, balance, departuresOf, lettersOf, inboxRow } = useSettlements();

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
      expect.stringContaining('another content'),
      expect.stringContaining('another content'),
    ]);
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
