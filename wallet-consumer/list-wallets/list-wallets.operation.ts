import { z } from 'zod';
import { cursorParameter, limitParameter } from '#kit/cursor';
import { operation } from '#kit/endpoint';
import { nextCursor, walletShape } from '../wallet.schemas';

export const listWalletsOperation = operation({
  id: 'listWallets',
  method: 'get',
  path: '/api/wallets',
  tag: 'wallets',
  summary: 'Wallets, by number',
  access: 'admin',
  input: {
    query: z.strictObject({
      limit: limitParameter,
      cursor: cursorParameter,
      negative: z
        .enum(['true', 'false'])
        .transform((text) => text === 'true')
        .optional()
        .meta({ description: '`true`: only those whose seller owes money; `false`: only the others.' }),
    }),
  },
  answer: {
    http: 200,
    description: 'A page. `nextCursor` leads to the next one; it is null on the last.',
    data: z.object({ walletList: z.array(walletShape), nextCursor }),
  },
  refusals: [],
});
