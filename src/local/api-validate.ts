import { z } from 'zod';
import { jsonArgument, method, type ApiAnswer, type ApiMethod } from './api-method.ts';
import { checkBlocks, checkView } from './block-rules.ts';

const Given = z.object({
  blocks: jsonArgument.optional(),
  message: jsonArgument.optional(),
  view: jsonArgument.optional(),
});

/** Looks at a payload and posts nothing. */
export const VALIDATE_METHODS: Record<string, ApiMethod> = {
  'blocks.validate': method(Given, ({ blocks, message, view }) => {
    const given = [blocks, message, view].filter((one) => one !== undefined);
    if (given.length !== 1) return { ok: false, error: 'invalid_arguments' };
    if (view !== undefined) {
      const type = z.object({ type: z.literal('home') }).safeParse(view).success ? 'home' : 'modal';
      return verdict('invalid_view', checkView(view, type));
    }
    if (blocks !== undefined) return verdict('invalid_blocks', checkBlocks(blocks, 'message'));
    const read = z.object({ blocks: z.unknown() }).safeParse(message);
    return verdict('invalid_message', checkBlocks(read.data?.blocks, 'message'));
  }),
};

function verdict(error: string, faults: readonly string[]): ApiAnswer {
  if (faults.length === 0) return { ok: true };
  const errors = faults.map((fault) => {
    const [, words = fault, pointer = ''] = /^(?:\[ERROR\] )?(.*?) \[json-pointer:(.*)\]$/.exec(fault) ?? [];
    return { pointer, code: 'failed_constraint', message: words };
  });
  return { ok: false, error, errors };
}
