import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkBlocks, checkView } from '../../src/local/block-rules.ts';
import { exampleNotices } from '../../src/run/example-notices.ts';
import { layoutsOf } from '../../src/slack/layouts.ts';
import { refuseMessage, refuseView } from '../support/slack-limits.ts';

const src = path.join(import.meta.dirname, '../../src');
const NOW = Date.UTC(2026, 10, 30);
const EXAMPLES = exampleNotices(NOW);
const LAYOUTS = layoutsOf(EXAMPLES);

/** Names of functions that files of `src` export and that match. */
function exported(files: string, pattern: RegExp): string[] {
  return globSync(files, { cwd: src }).flatMap((file) =>
    [...readFileSync(path.join(src, file), 'utf8').matchAll(pattern)].map(([, name = '']) => name),
  );
}

function textOf(...files: string[]): string {
  return files.map((file) => readFileSync(path.join(src, file), 'utf8')).join('\n');
}

describe('the examples', () => {
  it('have one of every notice that there is', () => {
    // To mend this: add it to the list in src/run/example-notices.ts or example-changes.ts.
    const describers = exported(
      'notice/**/*.ts',
      /^export function (describe\w+)\((?:[^]*?)\): Notice(?: \| null)? \{/gm,
    );
    const used = textOf('run/example-notices.ts', 'run/example-changes.ts');

    expect(describers.length).toBeGreaterThan(40);
    expect(describers.filter((name) => !used.includes(`${name}(`))).toEqual([]);
  });

  it('have one of every window that there is', () => {
    const views = exported('slack/*.ts', /^export function (\w+View)\(/gm);

    expect(views.length).toBeGreaterThan(6);
    expect(views.filter((name) => !textOf('slack/layouts.ts').includes(`${name}(`))).toEqual([]);
  });

  it('have one of every kind of part and of every button', () => {
    const notices = JSON.stringify(EXAMPLES);
    const source = textOf('notice/notice.ts');
    const kinds = [...source.matchAll(/\| \{ kind: '(\w+)'/g)].map(([, kind = '']) => kind);

    expect(kinds).toHaveLength(7);
    for (const kind of kinds) expect(notices).toContain(`"kind":"${kind}"`);
  });

  it('read as what they are examples of', () => {
    for (const { name, notice } of EXAMPLES) {
      expect(notice.headline.length, name).toBeGreaterThan(0);
      expect(JSON.stringify(notice), name).not.toMatch(/undefined|NaN|\[object/);
    }
    expect(JSON.stringify(EXAMPLES[0])).toContain('mysqld');
  });
});

describe('the layouts', () => {
  it('are different ones, in messages and in windows, and few enough to look at one a second', () => {
    expect(LAYOUTS.length).toBeGreaterThan(30);
    expect(LAYOUTS.length).toBeLessThan(90);
    expect(new Set(LAYOUTS.map((layout) => layout.kind))).toEqual(new Set(['message', 'plain', 'view']));
  });

  it('have every block that is sent', () => {
    const types = new Set([...JSON.stringify(LAYOUTS).matchAll(/"type":"(\w+)"/g)].map(([, type = '']) => type));

    for (const type of [
      'header',
      'section',
      'context',
      'actions',
      'rich_text',
      'data_table',
      'data_visualization',
      'input',
    ])
      expect(types).toContain(type);
  });

  it('are within Slack’s limits, by both lists of them', () => {
    for (const layout of LAYOUTS) {
      if (layout.kind === 'view') {
        const type = (layout.view as { type: 'modal' | 'home' }).type;
        expect(refuseView(layout.view), layout.name).toEqual([]);
        expect(checkView(layout.view, type), layout.name).toEqual([]);
      } else {
        expect(refuseMessage(layout), layout.name).toEqual([]);
        expect(checkBlocks(layout.blocks, 'message'), layout.name).toEqual([]);
      }
    }
  });
});
