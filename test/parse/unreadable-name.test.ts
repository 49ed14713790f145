import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { parseFiles } from '../../src/parse/parse-command.ts';

it('a file that cannot be read is named without characters that a terminal obeys', async () => {
  const err = new PassThrough();
  const out = new PassThrough();

  const status = await parseFiles(['/nowhere/a\u001b[2J\u009b31m\u202e\nb'], {
    json: false,
    out: out as never,
    err: err as never,
  });

  expect(status).toBe(2);
  const said = String(err.read());
  expect(said).toContain('/nowhere/a');
  expect(said.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});
