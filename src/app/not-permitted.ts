/** The chat does not let this be asked: whoever installed the app did not grant the right, such as a Slack scope. */
export class NotPermitted extends Error {
  readonly right: string;

  constructor(right: string, cause?: unknown) {
    super(`the chat app was not granted ${right}`, { cause });
    this.name = 'NotPermitted';
    this.right = right;
  }
}
