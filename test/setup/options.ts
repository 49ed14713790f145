import { MIN_OOM_SCORE_ADJ, type SetupOptions } from '../../src/setup/setup-script.ts';

export const A_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bot@example';
export const ANOTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5MBJc40HiE2gh6E550v513dPCmO/ZpV6rxbXU3mjER writer';

export function setupOptions(change: Partial<SetupOptions> = {}): SetupOptions {
  return {
    user: 'oombot',
    publicKeys: [A_KEY],
    from: [],
    jumpTo: [],
    logGroups: false,
    logFiles: [],
    writer: null,
    minOomScoreAdj: MIN_OOM_SCORE_ADJ,
    allowRaise: false,
    remove: false,
    ...change,
  };
}
