import type { ExecResult } from './remote-commands.ts';
import type { SshTarget } from './target.ts';

/** Why an account that lets one log in runs none of our commands, and what to do about it. `result`: what came of one. */
export function describeNoShell({ name, user }: SshTarget, { stdout, stderr, end }: ExecResult): string {
  const [out = '', err = ''] = [stdout.toString('latin1'), stderr].map((text) =>
    text
      .replaceAll(/[^\x20-\x7e]+/g, ' ')
      .trim()
      .slice(0, 200),
  );
  const said = err === '' ? out : err;
  const fix = `Give the account another: usermod -s /bin/sh ${user}`;
  if (/sftp connections only/.test(said))
    return `${name} lets ${user} use sftp alone (ForceCommand internal-sftp in its sshd_config). Take that away for this account, or give the bot another one`;
  if (/is not recognized as (?:the name of a cmdlet|an internal or external command)/.test(said))
    return `${name} has no usable shell for ${user}: PowerShell or cmd answers. Is it Windows? oombot watches Linux hosts only`;
  if (/: restricted\b/.test(said))
    return `${name} has no usable shell for ${user}: a restricted one runs no sh ("${said}"). ${fix}`;
  if (said.startsWith("Unmatched '"))
    return `${name} has no usable shell for ${user}: csh and tcsh cannot run the commands. ${fix}`;
  if (/account is (?:currently )?not available/.test(said))
    return `${name} has no usable shell for ${user}: it says "${said}". ${fix}`;
  if (said === '')
    return `${name} has no usable shell for ${user}: the commands gave no answer${end.kind === 'exit' ? ` (exit code ${end.code})` : ''}. Is it nologin or false, or is another command forced (ForceCommand, command= in authorized_keys)? ${fix}`;
  return `${name} has no usable shell for ${user}, or another command is forced (ForceCommand, command= in authorized_keys): it says "${said}"`;
}
