import { expect, it } from 'vitest';
import { warmUp } from '../../src/app/watch/warm-up.ts';

it('reads kills as live ones are read', () => {
  expect(warmUp()).toBe(2);
});
