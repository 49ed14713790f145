import { z } from 'zod';
import { jsonArgument, method, type ApiAnswer, type ApiMethod } from './api-method.ts';
import type { ContentRefusal } from './message-content.ts';
import { asSlackView, type View } from './views.ts';

const Open = z.object({ trigger_id: z.string().min(1), view: jsonArgument });
const hash = z.string().min(1).optional();

export const VIEW_METHODS: Record<string, ApiMethod> = {
  'views.open': method(Open, (args, world) => {
    const trigger = world.triggers.redeem(args.trigger_id);
    return 'error' in trigger ? { ok: false, ...trigger } : answer(world.views.open(trigger.person, args.view));
  }),
  'views.update': method(z.object({ view_id: z.string(), view: jsonArgument, hash }), (args, world) =>
    answer(world.views.update(args.view_id, args.view, args.hash)),
  ),
  'views.publish': method(z.object({ user_id: z.string().min(1), view: jsonArgument, hash }), (args, world) => {
    const person = world.directory.people().find((one) => one.id === args.user_id && !one.isBot);
    if (person === undefined) return { ok: false, error: 'user_not_found' };
    return answer(world.views.publish(person.id, args.view, args.hash));
  }),
};

function answer(view: View | ContentRefusal): ApiAnswer {
  return 'error' in view ? { ok: false, ...view } : { ok: true, view: asSlackView(view) };
}
