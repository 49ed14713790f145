import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** `pass`: bytes go through. `hang`: accepted and held, nothing goes on, nothing is closed. `flood`: the client gets noise without end. */
export type ProxyMode = 'pass' | 'hang' | 'flood';

export interface TcpProxy {
  port: number;
  /** For connections made from now on, and what is said on those that are there. */
  setMode: (mode: ProxyMode) => void;
  /** Ends all connections at once by reset. */
  cut: () => void;
  connections: () => number;
  close: () => Promise<void>;
}

/** Stands between client and server on loopback and does what bad networks do. */
export function openTcpProxy(
  toPort: number,
  noise: (n: number) => Buffer = () => Buffer.alloc(4096, 0xff),
): Promise<TcpProxy> {
  let mode: ProxyMode = 'pass';
  const sockets = new Set<Socket>();

  function keep(socket: Socket): void {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  }

  const server = createServer((client) => {
    keep(client);
    if (mode === 'flood') {
      flood(client);
      return;
    }
    if (mode === 'hang') return;
    const upstream = connect(toPort, '127.0.0.1');
    keep(upstream);
    pass(client, upstream);
    pass(upstream, client);
  });

  function pass(from: Socket, to: Socket): void {
    from.on('data', (chunk) => {
      if (mode === 'pass') to.write(chunk);
    });
    from.once('close', () => {
      if (mode === 'pass') to.destroy();
    });
  }

  function flood(socket: Socket): void {
    let n = 0;
    function more(): void {
      while (!socket.destroyed && socket.write(noise(n++)));
    }
    socket.on('drain', more);
    more();
  }

  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        setMode: (next) => {
          mode = next;
        },
        cut: () => {
          for (const socket of sockets) socket.resetAndDestroy();
        },
        connections: () => sockets.size,
        close: () =>
          new Promise((closed) => {
            for (const socket of sockets) socket.destroy();
            server.close(() => closed());
          }),
      });
    });
  });
}
