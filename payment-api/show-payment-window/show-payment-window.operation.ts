import { z } from 'zod';
import { operation } from '#kit/endpoint';

export const showPaymentWindowOperation = operation({
  id: 'showPaymentWindow',
  method: 'get',
  path: '/api/payment-window',
  tag: 'shop',
  summary: 'How a page opens the payment window',
  description: "With Toss's SDK and the client key, which is public, or as the simulator's page.",
  access: 'public',
  input: {},
  answer: {
    http: 200,
    description: 'The window of the PSP that this API asks.',
    data: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('toss'), clientKey: z.string() }),
      z.object({ kind: z.literal('simulator'), url: z.url() }),
    ]),
  },
  refusals: [],
});
