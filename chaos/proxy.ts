import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { sleep } from '#kit/clock';

/** What a TCP link can do to those who talk over it. */
export type LinkFault =
  /** Connections are reset, new ones too. */
  | { mode: 'cut' }
  /** Nothing passes, in either direction; what was written arrives when it is over. */
  | { mode: 'stall' }
  /** Everything passes late. */
  | { mode: 'slow'; delayMs: number }
  /** The other end of the present connections is gone and nobody is told; new connections work. */
  | { mode: 'half-open' };

/** A way from our processes to a server that can be disturbed. */
export interface Link {
  port: number;
  disturb(fault: LinkFault): void;
  /** As if nothing had been; present connections that lost their end stay lost. */
  heal(): void;
  /**
   * The next COMMIT that a client sends to MySQL reaches it, and its answer is held back until `heal`. Resolves when that has happened.
   */
  holdCommit(): Promise<void>;
  close(): Promise<void>;
}

/** MySQL's COM_QUERY and the statement. */
const COMMIT = '\u0003COMMIT';

/** After that time a COMMIT (some fsyncs) has happened. */
const COMMIT_TAKES_MS = 500;

interface Pair {
  client: Socket;
  server: Socket;
  /** The server's end is gone, and the client does not know. */
  isHalfOpen: boolean;
}

/** Ends a connection the hard way: the other side sees a reset. */
const reset = (socket: Socket): void => void socket.resetAndDestroy();

/** What is late, by the socket it came from; resolves when all of it has arrived. */
const late = new WeakMap<Socket, Promise<void>>();

/** Writes a chunk after a delay; what is late keeps its place before what comes after it. */
function deliver(from: Socket, to: Socket, chunk: Buffer, delayMs: number): void {
  const write = (): void => {
    if (!to.destroyed) to.write(chunk);
  };
  const before = late.get(from);
  if (before === undefined && delayMs === 0) return write();
  const arrived = Promise.all([before, sleep(delayMs)]).then(() => {
    write();
    if (late.get(from) === arrived) late.delete(from);
  });
  late.set(from, arrived);
}

/** Opens a link to `targetPort` on this machine. */
export async function openLink(targetPort: number): Promise<Link> {
  const pairs = new Set<Pair>();
  let fault: LinkFault | undefined;
  let onCommit: (() => void) | undefined;

  const pass = (pair: Pair, from: Socket, to: Socket, chunk: Buffer): void => {
    if (pair.isHalfOpen) return;
    deliver(from, to, chunk, fault?.mode === 'slow' ? fault.delayMs : 0);
    if (to.writableNeedDrain) {
      from.pause();
      to.once('drain', () => fault?.mode !== 'stall' && from.resume());
    }
  };
  const watchCommit = (pair: Pair, chunk: Buffer): void => {
    if (onCommit === undefined || !chunk.toString('latin1').endsWith(COMMIT)) return;
    pair.server.pause();
    const tell = onCommit;
    onCommit = undefined;
    setTimeout(tell, COMMIT_TAKES_MS);
  };

  // Without Nagle's algorithm, which would make every statement wait 40 ms for an acknowledgement of the one before.
  const listener = createServer({ noDelay: true }, (client) => {
    if (fault?.mode === 'cut') return reset(client);
    const server = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    const pair: Pair = { client, server, isHalfOpen: false };
    pairs.add(pair);
    client.on('data', (chunk: Buffer) => {
      watchCommit(pair, chunk);
      pass(pair, client, server, chunk);
    });
    server.on('data', (chunk: Buffer) => pass(pair, server, client, chunk));
    for (const socket of [client, server]) socket.on('error', () => {});
    client.on('close', () => {
      pairs.delete(pair);
      server.destroy();
    });
    server.on('close', () => {
      if (!pair.isHalfOpen) client.destroy();
    });
    if (fault?.mode === 'stall') for (const socket of [client, server]) socket.pause();
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));

  return {
    port: (listener.address() as AddressInfo).port,
    disturb(next) {
      fault = next;
      for (const pair of pairs) {
        if (next.mode === 'cut') for (const socket of [pair.client, pair.server]) reset(socket);
        if (next.mode === 'stall') for (const socket of [pair.client, pair.server]) socket.pause();
        if (next.mode === 'half-open') {
          pair.isHalfOpen = true;
          pair.server.destroy();
        }
      }
    },
    heal() {
      fault = undefined;
      onCommit = undefined;
      for (const pair of pairs) {
        for (const socket of [pair.client, pair.server]) socket.resume();
      }
    },
    holdCommit: () =>
      new Promise((resolve) => {
        onCommit = resolve;
      }),
    async close() {
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}
