import { operation } from '#kit/endpoint';
import { sellerParams } from '../seller-no';
import { walletShape } from '../wallet.schemas';

export const showWalletOperation = operation({
  id: 'showWallet',
  method: 'get',
  path: '/api/wallets/{sellerNo}',
  tag: 'wallets',
  summary: "One seller's wallet",
  access: 'admin',
  input: { params: sellerParams },
  answer: { http: 200, description: 'The wallet.', data: walletShape },
  refusals: ['PEC0013'],
});
