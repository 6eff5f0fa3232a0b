import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '#stack/project';
import type { ModelName } from './model.checks';

/** The text of a model, or of what the models share. */
export const textOfModel = (name: ModelName | 'protocol.inc'): string =>
  readFileSync(join(projectFolder(), 'docs', 'model', `${name}.pml`), 'utf8');

/** Names of what a model says must hold, in the order in which they stand there. */
export function propertiesOf(model: ModelName): string[] {
  const text = textOfModel(model);
  const ensured = [...text.matchAll(/\bENSURE\(([\w-]+),/g)].map(([, name = '']) => name);
  const eventual = [...text.matchAll(/^ltl (\w+)/gm)].map(([, name = '']) => name.replaceAll('_', '-'));
  return [...new Set([...ensured, ...eventual, 'no-deadlock'])];
}

export interface ModelStep {
  /** The inline or process of the model, and the function of the code: they have one name. */
  name: string;
  /** The code's file, from the project's folder; `undefined` for a step of the world around the code. */
  file: string | undefined;
  /** The function's name there. */
  functionName: string | undefined;
}

const STEP =
  /(?:\/\* (?:([\w./-]+\.ts)#(\w+)|world: [^*]*) \*\/\n)?^(?:inline|(?:active )?proctype) (\w+)\(/gm;
/** What is neither a step of the code nor of the world: what must hold. */
const ABOUT_THE_MODEL = new Set(['holds', 'judge', 'atRest']);

/** Every step of a model, with the place in the code that its comment names. */
export function stepsOf(model: ModelName): ModelStep[] {
  const text = textOfModel(model);
  return [...text.matchAll(STEP)].flatMap(([all, file, functionName, name = '']) => {
    if (file === undefined && (ABOUT_THE_MODEL.has(name) || all.startsWith('/* world:'))) return [];
    return [{ name, file, functionName }];
  });
}
