import type { Page } from 'playwright-core';

/** What a screen reader calls the control that has the focus. */
export function focusedName(page: Page): Promise<string> {
  return page.evaluate<string>(
    'document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent ?? ""',
  );
}

/** Presses Tab until the control of that name has the focus. Throws when it is not reached. */
export async function tabTo(page: Page, name: string, steps = 150): Promise<void> {
  for (let step = 0; step < steps; step++) {
    await page.keyboard.press('Tab');
    if ((await focusedName(page)) === name) return;
  }
  throw new Error(`Tab does not reach ${name}`);
}

const CONTROLS = new Set([
  'button',
  'link',
  'textbox',
  'combobox',
  'radio',
  'checkbox',
  'tab',
  'menuitem',
  'dialog',
  'log',
  'region',
]);

/** A node of Chromium's accessibility tree. */
export interface AxNode {
  ignored: boolean;
  role?: { value: string };
  name?: { value: string };
  description?: { value: string };
  properties?: { name: string; value: { value: unknown } }[];
}

/** Roles of controls that a screen reader could not name. */
export async function unnamed(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = (await session.send('Accessibility.getFullAXTree')) as { nodes: AxNode[] };
  return nodes
    .filter((node) => !node.ignored && CONTROLS.has(node.role?.value ?? '') && (node.name?.value ?? '').trim() === '')
    .map((node) => node.role?.value ?? '');
}
