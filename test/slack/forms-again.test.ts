import pino from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ProtectAsk } from '../../src/app/answer/handlers.ts';
import type { Refusal } from '../../src/change/refusal.ts';
import { openSlack } from '../../src/slack/app.ts';
import { filledIn, formAgain } from '../../src/slack/form-again.ts';
import { ViewPayload } from '../../src/slack/payload.ts';
import { protectView, readProtectForm } from '../../src/slack/protect-view.ts';
import { checkView } from '../../src/local/block-rules.ts';
import { answeringHandlers } from '../support/answering-handlers.ts';
import { realClock } from '../support/real-clock.ts';
import { openSlackStandIn } from '../support/slack-stand-in.ts';

const PROTECT = {
  host: 'db01',
  what: 'mysqd',
  adj: '-500',
  for: '',
  lasts: 'show',
  tag: 'db',
  matching: '--port=3307',
  why: 'it pays the bills',
};

interface Shown {
  callback_id: string;
  blocks: Record<string, unknown>[];
}

async function aBench(handlers = answeringHandlers()) {
  const standIn = await openSlackStandIn();
  onTestFinished(standIn.close);
  const slack = openSlack({
    botToken: 'xoxb-test',
    appToken: 'xapp-test',
    apiUrl: standIn.apiUrl,
    logger: pino({ level: 'silent' }),
    clock: realClock,
  });
  onTestFinished(slack.close);
  await slack.start(handlers, new AbortController().signal);
  return {
    standIn,
    handlers,
    shown: async (at = 0) => (await standIn.call('views.update', at)).args['view'] as unknown as Shown,
  };
}

/** What the fields of a form hold, as Slack would send it back untouched. */
function heldBy({ blocks }: Shown): Record<string, string> {
  const inputs = blocks.filter((block) => block['type'] === 'input');
  return Object.fromEntries(
    inputs.map((block) => {
      const element = block['element'] as { initial_value?: string; initial_option?: { value: string } };
      return [String(block['block_id']), element.initial_value ?? element.initial_option?.value ?? ''];
    }),
  );
}

/** The text right below a field. */
function below({ blocks }: Shown, field: string): string {
  const at = blocks.findIndex((block) => block['block_id'] === field);
  return JSON.stringify(blocks[at + 1]);
}

function submitted(fields: Record<string, string>): ViewPayload {
  const values = Object.fromEntries(Object.entries(fields).map(([id, value]) => [id, { value: { type: 'x', value } }]));
  return ViewPayload.parse({
    user: { id: 'U1' },
    view: { id: 'V1', callback_id: 'protect', private_metadata: 'inc-1', state: { values } },
  });
}

describe('the form for a protection', () => {
  it('has all that the command has: rule, show, tag and matching', () => {
    const read = readProtectForm(submitted(PROTECT)) as { ask: ProtectAsk };

    expect(read.ask).toMatchObject({
      host: 'db01',
      what: 'mysqd',
      adj: -500,
      keep: true,
      terms: { onDrift: 'show', tag: 'db', commandLine: '--port=3307' },
      incidentId: 'inc-1',
    });
  });

  it.each([
    [{ lasts: '' }, ['lasts']],
    [{ for: '2h' }, ['for']],
    [{ for: 'ever', adj: '5000' }, ['adj', 'for']],
    [{ lasts: '', tag: '', matching: '' }, []],
  ])('says at the field what does not go together: %o', (fields, wrong) => {
    const read = readProtectForm(submitted({ ...PROTECT, ...fields }));

    expect('mistakes' in read ? Object.keys(read.mistakes).toSorted() : []).toEqual(wrong);
  });

  it.each<[string, Refusal]>([
    ['host', { kind: 'unknown-host', host: 'db1', nearest: 'db01', known: ['db01'] }],
    ['host', { kind: 'host-unreachable', host: 'db01', sinceMs: null, reason: 'timed out' }],
    ['what', { kind: 'change', why: { kind: 'no-such-process', host: 'db01', what: 'mysqd', nearest: 'mysqld' } }],
    ['adj', { kind: 'change', why: { kind: 'out-of-helper-range', adj: -950, min: -900, max: 0 } }],
    ['for', { kind: 'change', why: { kind: 'needs-end-date' } }],
    ['tag', { kind: 'unknown-target', target: 'dbs', nearest: 'db', known: ['db'] }],
  ])('comes back with everything in it when it is refused, and says so below “%s”', async (field, refusal) => {
    const { standIn, shown } = await aBench({
      ...answeringHandlers(),
      protect: () => Promise.resolve({ kind: 'refused', refusal }),
    });

    await standIn.submit('protect', PROTECT, 'inc-1');

    const form = await shown();
    expect(form).toMatchObject({ callback_id: 'protect', private_metadata: 'inc-1' });
    expect(heldBy(form)).toEqual(PROTECT);
    expect(below(form, field)).toMatch(/"type":"section".*⚠️ /);
  });

  it('says above all fields what is about none of them', () => {
    const form = formAgain(protectView({ host: '', what: '', incidentId: 'i' }), PROTECT, {
      kind: 'change',
      why: { kind: 'too-many-open', max: 20 },
    });

    expect(form.blocks[0]).toMatchObject({ type: 'section' });
    expect(heldBy(form as unknown as Shown)).toEqual(PROTECT);
    expect(checkView(JSON.parse(JSON.stringify(form)), 'modal')).toEqual([]);
  });

  it('keeps the longest that Slack takes, and drops a choice that there is not', () => {
    const long = '€'.repeat(5_000);
    const filled = filledIn(submitted({ ...PROTECT, why: long, matching: long, lasts: 'for ever' }));

    const form = formAgain(protectView({ host: '', what: '', incidentId: 'i' }), filled, { kind: 'busy' });

    expect(checkView(JSON.parse(JSON.stringify(form)), 'modal')).toEqual([]);
    expect(heldBy(form as unknown as Shown)).toMatchObject({ why: `${'€'.repeat(299)}…`, lasts: '' });
  });
});

describe('the other forms', () => {
  it('come back too: a new host that does not answer', async () => {
    const { standIn, shown } = await aBench();
    const fields = { name: 'db09', address: '192.0.2.1', port: '2222', user: 'ops', tags: 'db prod' };

    await standIn.submit('host-add', fields);

    const form = await shown();
    expect(heldBy(form)).toEqual(fields);
    expect(below(form, 'address')).toContain('could not read the host key');
  });

  it('come back too: a host whose key changed between the two steps', async () => {
    const { standIn, shown } = await aBench({
      ...answeringHandlers(),
      addHost: () =>
        Promise.resolve({
          kind: 'refused',
          refusal: { kind: 'host-key-changed', host: 'db09', confirmed: 'SHA256:a', found: 'SHA256:b' },
        }),
    });
    const fields = { name: 'db09', address: '10.0.0.9', port: '2222', user: '', tags: 'db prod' };
    await standIn.submit('host-add', fields);
    const { private_metadata: metadata } = (await shown()) as unknown as { private_metadata: string };

    await standIn.submit('host-confirm', {}, metadata);

    const form = await shown(1);
    expect(form.callback_id).toBe('host-add');
    expect(heldBy(form)).toEqual(fields);
  });

  it('come back too: a host that cannot be removed, and a paste that is no report', async () => {
    const { standIn, shown } = await aBench();

    await standIn.submit('host-remove', { name: 'db01' });
    const removing = await shown();
    await standIn.submit('explain', { report: 'hello\nworld', 'report-2': '' });
    const explaining = await shown(1);

    expect([heldBy(removing), below(removing, 'name')]).toEqual([{ name: 'db01' }, expect.stringContaining('file')]);
    expect(heldBy(explaining)).toMatchObject({ report: 'hello\nworld', 'report-2': '' });
    expect(below(explaining, 'report')).toContain('No out-of-memory report found');
  });
});
