import { adviceKeyOf } from '../../cause/cause.ts';
import type { Incident } from '../../incident/incident.ts';
import type { Part, Text } from '../notice.ts';
import type { Recipe, RecipeMaker } from './recipe.ts';
import { HOST_RECIPES } from './recipes-host.ts';
import { SERVICE_RECIPES } from './recipes-service.ts';

/** A recipe for each key that a rule of diagnosis names. */
export const RECIPES: ReadonlyMap<string, RecipeMaker> = new Map(
  Object.entries({ ...SERVICE_RECIPES, ...HOST_RECIPES }),
);

/** One thing to do about an incident, with the exact command and its undo; null when there is nothing sensible to say. */
export function adviceFor(incident: Incident): Part | null {
  const recipe = recipeFor(incident);
  if (recipe === null) return null;
  return {
    kind: 'command',
    label: labelOf(recipe),
    command: recipe.command,
    undo: recipe.kind === 'change' ? recipe.undo : null,
  };
}

/**
 * The recipe of an incident's cause, else that of what else was found. A name that a shell would not take as it is never gets into a
 * command.
 */
export function recipeFor(incident: Incident): Recipe | null {
  const kill = incident.kills.at(-1);
  const { cause } = incident;
  if (kill === undefined || cause === null) return null;
  for (const found of [cause, ...(cause.also ?? [])]) {
    const make = RECIPES.get(adviceKeyOf(found.code) ?? '');
    const recipe = make === undefined ? null : make({ incident, kill, record: kill.record, cause: found });
    if (recipe !== null) return recipe;
  }
  return null;
}

function labelOf(recipe: Recipe): Text {
  const first: Text =
    recipe.kind === 'change' && recipe.before !== null
      ? [{ words: ' First save the current value (replace BEFORE in the undo): ' }, { hostText: recipe.before }]
      : [];
  return [{ strong: recipe.kind === 'look' ? 'Look:' : 'Do:' }, { words: ` ${recipe.words}` }, ...first];
}
