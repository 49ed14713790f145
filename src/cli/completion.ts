import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What can follow the words so far: `` → verbs, `audit` → its verbs, and the options of each. */
interface Level {
  path: string;
  words: string[];
  options: string[];
}

/** The completion script of a shell for all verbs and options of the program. */
export function renderCompletion(program: Command, shell: Shell): string {
  const levels = levelsOf(program, '');
  return shell === 'bash' ? bash(levels) : shell === 'zsh' ? zsh(levels) : fish(program);
}

/** Those that help lists, but for itself. */
function verbsOf(command: Command): Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help');
}

function levelsOf(command: Command, path: string): Level[] {
  const verbs = verbsOf(command);
  return [
    { path, words: [...verbs.map((one) => one.name()), ...choicesOf(command)], options: optionsOf(command) },
    ...verbs.flatMap((one) => levelsOf(one, `${path} ${one.name()}`.trim())),
  ];
}

/** Words of which an argument must be one. */
function choicesOf(command: Command): string[] {
  return command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
}

function optionsOf(command: Command): string[] {
  return [...command.options.map((option) => option.long ?? '').filter((name) => name !== ''), '--help'];
}

function cases(levels: readonly Level[]): string {
  return levels
    .map(({ path, words, options }) => `    '${path}') words='${words.join(' ')}'; options='${options.join(' ')}' ;;`)
    .join('\n');
}

function bash(levels: readonly Level[]): string {
  return `# bash completion for oombot: oombot completion bash > /etc/bash_completion.d/oombot
_oombot() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path='' words options at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${COMP_WORDS[at]}" in -*) ;; *) path="\${path:+$path }\${COMP_WORDS[at]}" ;; esac
  done
  case "$path" in
${cases(levels)}
    *) path="\${path%% *}"; words=''; options='--help' ;;
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$words" -- "$current")); [ -n "$words" ] || COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}
complete -o filenames -F _oombot oombot
`;
}

function zsh(levels: readonly Level[]): string {
  return `#compdef oombot
# zsh completion for oombot: oombot completion zsh > "\${fpath[1]}/_oombot"
_oombot() {
  local place='' verbs flags word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$word" in -*) ;; *) place="\${place:+$place }$word" ;; esac
  done
  case "$place" in
${cases(levels).replaceAll("words='", "verbs='").replaceAll("options='", "flags='")}
    *) verbs=''; flags='--help' ;;
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then compadd -- \${=flags}
  elif [[ -n "$verbs" ]]; then compadd -- \${=verbs}
  else _files
  fi
}
_oombot "$@"
`;
}

function fish(program: Command): string {
  const verbs = verbsOf(program);
  const lines = verbs.flatMap((verb) => {
    const name = verb.name();
    return [
      `complete -c oombot -n __fish_use_subcommand -a ${name} -d '${quoted(verb.description())}'`,
      ...verb.commands.map(
        (one) =>
          `complete -c oombot -n '__fish_seen_subcommand_from ${name}' -a ${one.name()} -d '${quoted(one.description())}'`,
      ),
      ...choicesOf(verb).map((word) => `complete -c oombot -f -n '__fish_seen_subcommand_from ${name}' -a ${word}`),
      ...verb.options.flatMap((option) =>
        option.long == null
          ? []
          : [
              `complete -c oombot -n '__fish_seen_subcommand_from ${name}' -l ${option.long.slice(2)} -d '${quoted(option.description)}'`,
            ],
      ),
    ];
  });
  return `# fish completion for oombot: oombot completion fish > ~/.config/fish/completions/oombot.fish\n${lines.join('\n')}\n`;
}

function quoted(text: string): string {
  return text.replaceAll('\\', '').replaceAll("'", '’').split('\n')[0] ?? '';
}
