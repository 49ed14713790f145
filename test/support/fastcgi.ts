import { connect } from 'node:net';

/** Asks a FastCGI server on a socket for one script; gives what it wrote. Rejects where the connection ends without an answer. */
export function askFastCgi(socket: string, script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = connect(socket);
    let answer = Buffer.alloc(0);
    client.setTimeout(15_000, () => client.destroy(new Error('no answer within 15 s')));
    client.on('error', reject);
    client.on('data', (bytes) => (answer = Buffer.concat([answer, bytes])));
    client.on('close', () => {
      const text = stdoutOf(answer);
      if (text === '') reject(new Error('the worker gave no answer'));
      else resolve(text);
    });
    client.write(
      Buffer.concat([
        record(1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])),
        record(4, params({ SCRIPT_FILENAME: script, SCRIPT_NAME: '/', REQUEST_METHOD: 'GET' })),
        record(4, Buffer.alloc(0)),
        record(5, Buffer.alloc(0)),
      ]),
    );
  });
}

/** One record: version 1, its type, request 1, without padding. */
function record(type: number, content: Buffer): Buffer {
  const head = Buffer.from([1, type, 0, 1, 0, 0, 0, 0]);
  head.writeUInt16BE(content.length, 4);
  return Buffer.concat([head, content]);
}

function params(values: Record<string, string>): Buffer {
  return Buffer.concat(
    Object.entries(values).map(([name, value]) =>
      Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)]),
    ),
  );
}

/** What came in records of type 6. */
function stdoutOf(answer: Buffer): string {
  let text = '';
  for (let at = 0; at + 8 <= answer.length;) {
    const length = answer.readUInt16BE(at + 4);
    if (answer[at + 1] === 6) text += answer.toString('latin1', at + 8, at + 8 + length);
    at += 8 + length + (answer[at + 6] ?? 0);
  }
  return text;
}
