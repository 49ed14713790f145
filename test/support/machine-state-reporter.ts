import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reporter } from 'vitest/node';
import { differences, readMachineState, type MachineState } from './machine-state.ts';

const NAME = 'OOMBOT_TEST_RUN';
const DEADLINE_MS = 10_000;

/** Fails a run that leaves the machine other than it was. */
// oxlint-disable-next-line import/no-default-export -- vitest loads a reporter by its default export
export default class MachineStateReporter implements Reporter {
  readonly mark = `${NAME}=${randomUUID()}`;
  before: MachineState = new Map();

  onInit(): void {
    process.env[NAME] = this.mark.slice(NAME.length + 1);
    this.before = readMachineState(this.mark);
  }

  async onTestRunEnd(): Promise<void> {
    // vitest's own workers end about now.
    let left: string[] = [];
    for (const startedAtMs = Date.now(); Date.now() - startedAtMs < DEADLINE_MS; await sleep(200)) {
      left = differences(this.before, readMachineState(this.mark)).filter((one) => !one.includes('vitest'));
      if (left.length === 0) return;
    }
    process.stderr.write(
      `The tests left the machine other than it was:\n${left.map((one) => `  ${one}\n`).join('')}\n`,
    );
    process.exitCode = 1;
  }
}
