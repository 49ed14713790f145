import type { Answer, Handlers } from './handlers.ts';

type ChangeHandlers = Pick<
  Handlers,
  | 'protect'
  | 'unprotect'
  | 'protectForm'
  | 'approve'
  | 'decline'
  | 'undo'
  | 'answerPending'
  | 'answerRules'
  | 'editRule'
>;

/** Where nothing can be proposed, as in a terminal: it has no second person. */
export function openNoChanges(): ChangeHandlers {
  const refused = {
    kind: 'refused' as const,
    refusal: { kind: 'not-allowed' as const, what: 'change values from here', whoMay: 'Propose it in the chat.' },
  };
  function no(): Promise<Answer> {
    return Promise.resolve(refused);
  }
  return {
    protect: no,
    unprotect: no,
    protectForm: () => Promise.resolve(refused),
    approve: no,
    decline: no,
    undo: no,
    answerPending: no,
    answerRules: no,
    editRule: no,
  };
}
