import { z } from 'zod';
import { cursorParameter, limitParameter } from '#kit/cursor';
import { operation } from '#kit/endpoint';
import { sellerParams } from '../seller-no';
import { lineShape, nextCursor } from '../wallet.schemas';

export const listWalletTransactionsOperation = operation({
  id: 'listWalletTransactions',
  method: 'get',
  path: '/api/wallets/{sellerNo}/transactions',
  tag: 'wallets',
  summary: 'Ledger lines, newest first',
  access: 'admin',
  input: {
    params: sellerParams,
    query: z.strictObject({ limit: limitParameter, cursor: cursorParameter }),
  },
  answer: {
    http: 200,
    description: 'A page. `nextCursor` leads to the next one; it is null on the last.',
    data: z.object({ walletTransactionList: z.array(lineShape), nextCursor }),
  },
  refusals: ['PEC0013'],
});
