import { useMarket } from './market.fixture';
import { timelineText, traceOrder, traceText } from './trace';

const { run, database } = useMarket();

/** Schema ids of the test's codec. */
const [CANCELED_ID, SETTLED_ID] = [103, 104];

describe('trace', () => {
  it('When the order does not exist, then that is said', async () => {
    await expect(traceOrder(database(), 'nowhere')).rejects.toThrow('there is no order nowhere');
  });

  it('When an order was settled, then its way is told from checkout to acknowledgement', async () => {
    await run("UPDATE outbox SET event_type = 'payment.PaymentCanceled' WHERE id = 'payment-2-2'");
    const trace = await traceOrder(database(), 'order-partly');
    expect(trace.payment).toMatchObject({
      orderId: 'order-partly',
      status: 'PARTIAL_CANCELED',
      amount: '5000',
      isWalletDone: true,
    });
    expect(
      trace.events.map(({ eventId, topic, seq, schemaId, consumed }) => [
        eventId,
        topic,
        seq,
        schemaId,
        consumed?.offset,
      ]),
    ).toEqual([
      ['payment-2-1', 'payment', 1, 7, 99n],
      ['wallet-2-1', 'wallet', 1, SETTLED_ID, 99n],
      ['payment-2-2', 'payment', 2, 7, 99n],
      ['wallet-2-2', 'wallet', 2, CANCELED_ID, 99n],
    ]);
    expect(trace.ledger).toHaveLength(3);
    const timeline = timelineText(trace);
    expect(timeline).toMatch(/03:00:00\.123 .*order checked out/);
    expect(timeline.match(/sellers \w+|settlement acknowledged/g)?.toSorted()).toEqual([
      'sellers credited',
      'sellers debited',
      'settlement acknowledged',
      'settlement acknowledged',
    ]);
    expect(traceText(trace)).toMatch(/^order order-partly: x, 5000 won, PARTIAL_CANCELED\n/);
    expect(traceText(trace)).not.toMatch(/\nparked\n/);
  });

  it('When an event was parked, then nobody was credited by it', async () => {
    await run("UPDATE inbox SET applied = false WHERE event_id = 'payment-1-1'");
    const known = timelineText(await traceOrder(database(), 'order-paid'));
    expect(known).toMatch(/known already, nothing to do +inbox of wallet-service/);
    expect(known).not.toMatch(/credited/);
    await run(
      `INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, aggregate_id, headers, error, status)
       VALUES (UUID(), 'wallet-service', 'payment', 0, 1, 'payment-1-1', 'order-paid', JSON_ARRAY(), 'x', 'OPEN')`,
    );
    expect(timelineText(await traceOrder(database(), 'order-paid'))).toMatch(/parked, now OPEN/);
    await run(
      "UPDATE dead_letters SET status = 'RESOLVED', resolved_at = NOW(3) WHERE event_id = 'payment-1-1'",
    );
    const resolved = timelineText(await traceOrder(database(), 'order-paid'));
    expect(resolved).toMatch(/parked, now RESOLVED/);
    expect(resolved).not.toMatch(/known already|credited/);
  });

  it('When a redriven event was parked again, then it is not told as done', async () => {
    await run("UPDATE inbox SET applied = false WHERE event_id = 'payment-1-1'");
    await run(
      `INSERT INTO dead_letters (id, consumer, topic, \`partition\`, \`offset\`, event_id, aggregate_id, event_seq, headers, error, status)
       VALUES ('01a207c8-34ca-7101-b457-63c29f4a68f2', 'wallet-service', 'payment', 0, 1, 'payment-1-1', 'order-paid', 1, JSON_ARRAY(), 'x', 'OPEN')`,
    );
    await run(
      `INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_seq, event_seq, event_type, idempotency_key, payload, redrive_of)
       SELECT 'payment-1-1-again', aggregate_type, aggregate_id, NULL, event_seq, event_type, 'redrive:1', payload,
         '01a207c8-34ca-7101-b457-63c29f4a68f2' FROM outbox WHERE id = 'payment-1-1'`,
    );
    await run(
      `INSERT INTO inbox (consumer, event_id, topic, \`partition\`, \`offset\`, aggregate_id, event_seq, payload_hash, applied)
       SELECT consumer, 'payment-1-1-again', topic, \`partition\`, \`offset\` + 5, aggregate_id, event_seq, payload_hash, false
       FROM inbox WHERE event_id = 'payment-1-1' AND consumer = 'wallet-service'`,
    );
    const timeline = timelineText(await traceOrder(database(), 'order-paid'));
    expect(timeline.match(/parked, now OPEN/g)).toHaveLength(2);
    expect(timeline).not.toMatch(/known already|credited/);
  });

  it('When an event was not consumed yet, then the trace ends there', async () => {
    await run("DELETE FROM inbox WHERE event_id = 'payment-1-1'");
    const trace = await traceOrder(database(), 'order-paid');
    expect(trace.events[0]).toMatchObject({ eventId: 'payment-1-1', consumed: null });
    expect(traceText(trace)).toMatch(/not consumed yet/);
  });
});
