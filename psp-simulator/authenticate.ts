import { DEFAULT_SECRET_KEY } from './config';
import { tossError, type TossError } from './errors';

const TEST_KEY = /^test_g?sk_\w+$/;

/**
 * Checks `Authorization: Basic base64(secretKey + ":")`. While the simulator's own key is the default one,
 * every
 * test key is accepted; live keys never are unless configured.
 */
export function authenticate(
  header: string | undefined,
  secretKey: string,
): { apiKey: string } | { refusal: TossError } {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return { refusal: tossError('UNAUTHORIZED_KEY') };
  const login = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = login.indexOf(':');
  if (colon === -1) return { refusal: tossError('INCORRECT_BASIC_AUTH_FORMAT') };
  const apiKey = login.slice(0, colon);
  const accepted = apiKey === secretKey || (secretKey === DEFAULT_SECRET_KEY && TEST_KEY.test(apiKey));
  return accepted ? { apiKey } : { refusal: tossError('UNAUTHORIZED_KEY') };
}
