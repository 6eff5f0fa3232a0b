import { z } from 'zod';
import { operation } from '#kit/endpoint';

export const showWalletPageOperation = operation({
  id: 'showWalletPage',
  method: 'get',
  path: '/api/wallet-page',
  tag: 'administration',
  summary: "Where the sellers' wallets are shown",
  access: 'admin',
  input: {},
  answer: {
    http: 200,
    description: "The wallet service's page, as an administrator's browser reaches it.",
    data: z.object({ url: z.url() }),
  },
  refusals: [],
});
