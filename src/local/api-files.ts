import { z } from 'zod';
import { jsonArgument, method, type ApiAnswer, type ApiMethod } from './api-method.ts';
import { threadOf } from './api-chat.ts';
import { BOT } from './directory.ts';
import type { World } from './world.ts';

const Begin = z.object({ filename: z.string().min(1).max(255), length: z.coerce.number().int().min(1) });
const Complete = z.object({ files: jsonArgument, channel_id: z.string().optional(), thread_ts: z.string().optional() });
const Ids = z.array(z.object({ id: z.string() })).length(1);

const needs = ['files:write'];

export const FILE_METHODS: Record<string, ApiMethod> = {
  'files.getUploadURLExternal': method(
    Begin,
    ({ filename, length }, world) => {
      const { file, secret } = world.files.begin(filename, length);
      return { ok: true, file_id: file.id, upload_url: `${world.baseUrl()}/upload/${secret}` };
    },
    { needs },
  ),
  'files.completeUploadExternal': method(Complete, complete, { needs }),
};

/** Shares what was sent: a message of the app with a link to it. */
function complete(args: z.infer<typeof Complete>, world: World): ApiAnswer {
  const [given] = Ids.safeParse(args.files).data ?? [];
  const file = given === undefined ? null : world.files.find(given.id);
  if (file === null || file.text === null) return { ok: false, error: 'file_not_found' };
  const channel = world.directory.channels().find(({ id }) => id === args.channel_id);
  if (channel === undefined) return { ok: false, error: 'channel_not_found' };
  if (!world.directory.isMember(channel, BOT.id)) return { ok: false, error: 'not_in_channel' };
  const name = file.name.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('|', ' ');
  const text = `<${world.baseUrl()}/page/file/${file.id}|${name}> (${file.length} bytes)`;
  world.log.post({ channel: channel.id, user: BOT.id, text, threadTs: threadOf(world, channel, args.thread_ts) });
  return { ok: true, files: [{ id: file.id, title: file.name }] };
}
