import { expect, it } from 'vitest';
import { warmUp } from '../../src/app/warm-up.ts';

it('reads a kill as a live one is read', () => {
  expect(warmUp()).toBe(1);
});
