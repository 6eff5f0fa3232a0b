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
  /** The other end of the present connections (and of the next one) is gone and nobody is told; new connections work. */
  | { mode: 'half-open'; isNextToo: boolean };

/** What came to a link since it was opened, whether it passed or not. */
export interface Traffic {
  connections: number;
  bytes: number;
  /** Present connections that were cut. */
  cut: number;
  /** Connections whose server was away. */
  refused: number;
  /** Bytes that clients sent to an end that was gone. */
  dropped: number;
}

/** One way from our processes to a server, or several, that can be disturbed. */
export interface Disturbable {
  disturb(fault: LinkFault): void;
  /** As if nothing had been; present connections that lost their end stay lost. */
  heal(): void;
  traffic(): Traffic;
  close(): Promise<void>;
}

/** A way of its own. */
export interface Link extends Disturbable {
  port: number;
  /**
   * The next COMMIT that a client sends to MySQL reaches it, and its answer is held back until `heal`. Resolves when that has happened.
   */
  holdCommit(): Promise<void>;
}

/** Behind MySQL's COM_QUERY, or at the end of a packet of statements. */
const COMMITS = ['\u0003COMMIT', ';\nCOMMIT'];

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

/** What a fault does to the present connections at once. */
function strike(pairs: Iterable<Pair>, { mode }: LinkFault, traffic: Traffic): void {
  for (const pair of pairs) {
    if (mode === 'cut') {
      for (const socket of [pair.client, pair.server]) reset(socket);
      traffic.cut += 1;
    }
    if (mode === 'half-open') loseEnd(pair);
  }
}

function loseEnd(pair: Pair): void {
  pair.isHalfOpen = true;
  pair.server.destroy();
}

function resume(pairs: Iterable<Pair>): void {
  for (const { client, server } of pairs) for (const socket of [client, server]) socket.resume();
}

/** The end of one side is the other's, as soon as anything passes. */
function onClose(pair: Pair, pairs: Set<Pair>, whenPassing: (work: () => void) => void): void {
  const { client, server } = pair;
  client.on('close', () =>
    whenPassing(() => {
      pairs.delete(pair);
      server.destroy();
    }),
  );
  server.on('close', () =>
    whenPassing(() => {
      if (!pair.isHalfOpen) client.destroy();
    }),
  );
}

/** Errors end connections, which is told by their `close`. */
function onError({ client, server }: Pair, traffic: Traffic): void {
  client.on('error', () => {});
  server.on('error', () => {
    if (server.pending) traffic.refused += 1;
  });
}

function end(pairs: Iterable<Pair>): void {
  for (const { client, server } of pairs) {
    client.destroy();
    server.destroy();
  }
}

/** Opens a link to `targetPort` on this machine. */
export async function openLink(targetPort: number): Promise<Link> {
  const pairs = new Set<Pair>();
  let fault: LinkFault | undefined;
  let onCommit: (() => void) | undefined;
  let isNextLost = false;
  const traffic: Traffic = { connections: 0, bytes: 0, cut: 0, refused: 0, dropped: 0 };
  /** What happened while nothing passed, in its order. */
  const waiting: (() => void)[] = [];
  const whenPassing = (work: () => void): void => {
    if (fault?.mode === 'stall') waiting.push(work);
    else work();
  };

  const pass = (pair: Pair, from: Socket, to: Socket, chunk: Buffer): void => {
    if (pair.isHalfOpen) {
      if (from === pair.client) traffic.dropped += chunk.length;
      return;
    }
    if (fault?.mode === 'stall') {
      from.pause();
      waiting.push(() => pass(pair, from, to, chunk));
      return;
    }
    deliver(from, to, chunk, fault?.mode === 'slow' ? fault.delayMs : 0);
    if (to.writableNeedDrain) {
      from.pause();
      to.once('drain', () => fault?.mode !== 'stall' && from.resume());
    }
  };
  const watchCommit = (pair: Pair, chunk: Buffer): void => {
    if (onCommit === undefined || !COMMITS.some((commit) => chunk.toString('latin1').endsWith(commit)))
      return;
    pair.server.pause();
    const tell = onCommit;
    onCommit = undefined;
    setTimeout(tell, COMMIT_TAKES_MS);
  };

  // Without Nagle's algorithm, which would make every statement wait 40 ms for an acknowledgement of the one before.
  const listener = createServer({ noDelay: true }, (client) => {
    traffic.connections += 1;
    if (fault?.mode === 'cut') return reset(client);
    const server = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    const pair: Pair = { client, server, isHalfOpen: false };
    pairs.add(pair);
    for (const socket of [client, server])
      socket.on('data', (chunk: Buffer) => void (traffic.bytes += chunk.length));
    client.on('data', (chunk: Buffer) => {
      watchCommit(pair, chunk);
      pass(pair, client, server, chunk);
    });
    server.on('data', (chunk: Buffer) => pass(pair, server, client, chunk));
    onError(pair, traffic);
    onClose(pair, pairs, whenPassing);
    if (isNextLost) loseEnd(pair);
    isNextLost = false;
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));

  return {
    port: (listener.address() as AddressInfo).port,
    disturb(next) {
      fault = next;
      isNextLost = next.mode === 'half-open' && next.isNextToo;
      strike(pairs, next, traffic);
    },
    heal() {
      fault = undefined;
      onCommit = undefined;
      isNextLost = false;
      for (const work of waiting.splice(0)) work();
      resume(pairs);
    },
    traffic: () => ({ ...traffic }),
    holdCommit: () =>
      new Promise((resolve) => {
        onCommit = resolve;
      }),
    async close() {
      end(pairs);
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}

/** Several links that are disturbed at once. */
export const together = (links: readonly Link[]): Disturbable => ({
  disturb(fault) {
    for (const link of links) link.disturb(fault);
  },
  heal() {
    for (const link of links) link.heal();
  },
  traffic() {
    const all = links.map((link) => link.traffic());
    const sumOf = (count: keyof Traffic): number => all.reduce((sum, traffic) => sum + traffic[count], 0);
    return {
      connections: sumOf('connections'),
      bytes: sumOf('bytes'),
      cut: sumOf('cut'),
      refused: sumOf('refused'),
      dropped: sumOf('dropped'),
    };
  },
  async close() {
    await Promise.all(links.map((link) => link.close()));
  },
});
